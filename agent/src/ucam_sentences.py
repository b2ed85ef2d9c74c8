"""Sentences for people, made so that each reader gets them in their own language: English, and its values apart.

`say("The clock is {length} slow.", length=…)` is English text that remembers both. What goes over the wire beside a
text are its `Sentences` (ucam_carried); whoever knows a translation of the English fills the values into that, and
whoever knows none, or is older than this, has the text. Standard library only, for the supervisor imports it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

PLACE = re.compile(r"\{(\w+)\}")
INSTANT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")  # as `kept` writes one


class Said(str):
    """English text that knows the sentences it is made of. `str()` of it is plain text, which msgspec wants."""

    sentences: list[Any]


def say(text: str, /, **values: object) -> Said:
    """One sentence; `{name}` in it is replaced by the value of that name: text, a number, an instant, what was said."""
    return said([[text, {name: kept(value) for name, value in values.items()}]])


def english(text: str) -> str:
    """Marks a sentence for translation that `say` gets later."""
    return text


def said(sentences: list[Any]) -> Said:
    """The English text of sentences."""
    made = Said(in_words(sentences))
    made.sentences = sentences
    return made


def kept(value: object) -> Any:
    """A value as a sentence keeps it; an instant as RFC 3339 in UTC: pages write it in the reader's zone."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value.sentences if isinstance(value, Said) else str(value)


def at_instants(text: str, show: Callable[[datetime], str]) -> str:
    """A text with its instants as `show` writes them."""

    def shown(match: re.Match[str]) -> str:
        try:
            return show(datetime.fromisoformat(match[0]))
        except (ValueError, OverflowError):  # looks like one, and no calendar has it
            return match[0]

    return INSTANT.sub(shown, text)


def together(*parts: str) -> Said:
    """Sentences one after the other; what is no `Said` (an error of the system) counts as one without values."""
    there = [part for part in parts if part]
    made = Said(" ".join(there))
    made.sentences = [sentence for part in there for sentence in sentences_of(part)]
    return made


def sentences_of(text: str) -> list[Any]:
    """What a text is made of; of foreign text: itself."""
    return text.sentences if isinstance(text, Said) else [[text, {}]] if text else []


def in_words(sentences: Iterable[Any], translate: Callable[[str], str] = str, show: Callable[[Any], str] = str) -> str:
    """The sentences by a translation of their English; `show`: how a value that is no text is written."""

    def fill(text: str, values: dict[str, Any]) -> str:
        # Braces that are no value's stay: nothing of a foreign text is ever read as a format.
        return PLACE.sub(lambda place: shown(values[place[1]]) if place[1] in values else place[0], text)

    def shown(value: Any) -> str:
        return in_words(value, translate, show) if isinstance(value, list) else show(value)

    return " ".join(fill(translate(text), values) for text, values in sentences if text)
