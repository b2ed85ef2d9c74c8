"""Sentences for people that are kept (ucam_sentences): English, from which each reader gets their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import ucam_sentences
from django.utils.formats import date_format
from django.utils.translation import gettext, override
from ucam_sentences import Said, sentences_of, together

__all__ = ["Said", "Sentence", "day", "in_words", "say", "sentences_of", "together", "translated"]

Sentence = list[Any]  # as it lies in a row: [English, {name: text, {"day": "2026-12-14"} or a list of sentences}]


def say(english: str, **values: object) -> Said:
    """One sentence; `{name}` in it is replaced by the value of that name: text, a number, a day, or what was said."""
    sentences = [[english, {name: _kept(value) for name, value in values.items()}]]
    with override("en"):
        said = Said(in_words(sentences))
    said.sentences = sentences
    return said


def in_words(sentences: Sequence[Any]) -> str:
    """The sentences in the language that is active now; what nobody translated stays English."""
    return ucam_sentences.in_words(sentences, _gettext, _shown)


def translated(text: str) -> str:
    """A text that was just made, in the language that is active now."""
    return in_words(sentences_of(text))


def _gettext(english: str) -> str:
    return gettext(english) if english else ""  # gettext answers its head to nothing


def _kept(value: object) -> Any:
    return {"day": value.isoformat()} if isinstance(value, date) else ucam_sentences.kept(value)


def _shown(value: Any) -> str:
    return day(date.fromisoformat(value["day"])) if isinstance(value, dict) else str(value)


def day(at: date) -> str:
    """A day of the year as the reader writes it."""
    return date_format(at, gettext("j F"))
