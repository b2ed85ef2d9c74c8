"""Sentences on the wire: types and limits, what of a text is carried, what of foreign ones is heard. No Django."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated

import msgspec
from msgspec import Meta
from ucam_sentences import PLACE, Said, in_words, said

English = Annotated[str, Meta(min_length=1, max_length=400)]
Name = Annotated[str, Meta(pattern=r"^[a-z_]{1,30}$")]
Value = Annotated[str, Meta(max_length=1000)]
Phrase = tuple[English, dict[Name, Value]]  # what stands within a sentence and is translated too: "2 hours"
Sentence = tuple[English, dict[Name, Value | Annotated[list[Phrase], Meta(max_length=8)]]]
Sentences = Annotated[list[Sentence], Meta(max_length=40)]


def heard(words: str, sentences: list[Sentence]) -> str:
    """A text that came over the wire with its sentences, as if it was said here."""
    return said(msgspec.to_builtins(sentences)) if sentences else words


def carried(text: str) -> list[Sentence]:
    """A text's sentences as they go over the wire; none of a text that has none, or too much for it."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(text.sentences, Sentences) if isinstance(text, Said) else []
    return []


def agreed(text: str, sentences: list[Sentence]) -> list[Sentence]:
    """Foreign sentences, if their English is that text: what is said in two languages is said to everybody.

    No value has two places, so that no small frame becomes a huge text.
    """
    places = [PLACE.findall(one) for one in _english(sentences)]
    once = all(len(names) == len(set(names)) for names in places)
    return sentences if once and in_words(sentences) == text else []


def _english(sentences: list[Sentence]) -> Iterable[str]:
    """Every English text in them."""
    for text, values in sentences:
        yield text
        yield from (phrase[0] for value in values.values() if isinstance(value, list) for phrase in value)
