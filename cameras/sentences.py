"""Sentences for people that are kept: English as it is stored, its values apart, so that each reader gets their own."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext, override

Sentence = list[Any]  # as it lies in a row: [English, {name: text, {"day": "2026-12-14"} or a list of sentences}]
PLACE = re.compile(r"\{(\w+)\}")


class Said(str):
    """English text that knows the sentences it is made of."""

    sentences: list[Sentence]


def say(english: str, **values: object) -> Said:
    """One sentence; `{name}` in it is replaced by the value of that name: text, a number, a day, or what was said."""
    kept = {name: _kept(value) for name, value in values.items()}
    with override("en"):
        said = Said(_filled(english, kept))
    said.sentences = [[english, kept]]
    return said


def together(*parts: str) -> Said:
    """Sentences one after the other; what is no `Said` (a camera's words, an error's) counts as one without values."""
    there = [part for part in parts if part]
    said = Said(" ".join(there))
    said.sentences = [sentence for part in there for sentence in sentences_of(part)]
    return said


def sentences_of(text: str) -> list[Sentence]:
    """What a text is made of; of foreign text: itself."""
    return text.sentences if isinstance(text, Said) else [[text, {}]] if text else []


def in_words(sentences: list[Sentence]) -> str:
    """The sentences in the language that is active now; what nobody translated stays English."""
    return " ".join(_filled(gettext(english), values) for english, values in sentences if english)


def translated(text: str) -> str:
    """A text that was just made, in the language that is active now."""
    return in_words(sentences_of(text))


def _kept(value: object) -> Any:
    if isinstance(value, Said):
        return value.sentences
    return {"day": value.isoformat()} if isinstance(value, date) else str(value)


def _filled(text: str, values: dict[str, Any]) -> str:
    """Braces that are no value's stay: nothing of a foreign text is ever read as a format."""
    return PLACE.sub(lambda place: _shown(values[place[1]]) if place[1] in values else place[0], text)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return in_words(value)
    return day(date.fromisoformat(value["day"])) if isinstance(value, dict) else str(value)


def day(at: date) -> str:
    """A day of the year as the reader writes it."""
    return date_format(at, gettext("j F"))
