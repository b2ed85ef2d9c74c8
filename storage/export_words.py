"""What an export says of itself, in the reader's language: the worker that says it has none, and writes English."""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_noop

COPYING = gettext_noop("Copying file {number} of {count}: {camera}.")
_COPYING = re.compile(r"Copying file (?P<number>\d+) of (?P<count>\d+): (?P<camera>.+)\.")
_END_OF_SENTENCE = re.compile(r"(?<=[.!?]) ")
SAID = (
    gettext_noop("Waits for its turn."),
    gettext_noop("The server was restarted; this begins again."),
    gettext_noop("Copying."),
    gettext_noop("Writing the manifest."),
    gettext_noop("Cancelled."),
    gettext_noop("Its file was deleted."),
    gettext_noop("Its file was deleted; ask for it again if you need it."),
    gettext_noop("It was begun several times and never came to its end. Ask for less."),
)


def words_of(message: str) -> str:
    """The message translated; what nobody translated stays as it is. An error is its message and its hint."""
    if found := _COPYING.fullmatch(message):
        return gettext(COPYING).format(**found.groupdict())
    left = _END_OF_SENTENCE.split(message) if message else []
    told: list[str] = []
    while left:
        count = next((n for n in range(len(left), 0, -1) if _is_known(" ".join(left[:n]))), 1)
        told.append(gettext(" ".join(left[:count])))
        left = left[count:]
    return " ".join(told)


def _is_known(text: str) -> bool:
    return gettext(text) != text
