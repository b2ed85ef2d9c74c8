"""What cameras say in words, and why a session ended: for each reader in their language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, TypeVar, cast

import msgspec
from django.conf import settings
from django.utils.translation import gettext, override
from ucam_protocol import Chat, Hangup, Message, PartState, Status

from cameras.sentences import in_words

OTHERS = [code for code, _ in settings.LANGUAGES if code != "en"]
WORDS_MAX, REASON_MAX, TEXT_MAX = 300, 300, 4000  # as ucam_protocol has them
M = TypeVar("M", bound=Message)


def in_others(message: Message) -> dict[str, Message]:
    """The same for readers of each other language, where it holds words."""
    if not _speaks(message):
        return {}
    others: dict[str, Message] = {}
    for language in OTHERS:
        with override(language):
            others[language] = in_language(message)
    return others


def in_english(message: M) -> M:
    """As it was said. The sentences stay with the server."""
    if not _speaks(message):
        return message
    with override("en"):
        return in_language(message)


def _speaks(message: Message) -> bool:
    return isinstance(message, Status | Hangup) or (isinstance(message, Chat) and bool(message.said))


def in_language(message: M) -> M:
    """As a reader of the language that is active now gets it."""
    told: Message = message
    match message:
        case Status(parts=parts):
            told = msgspec.structs.replace(
                message, parts={name: part_in_language(part) for name, part in parts.items()}
            )
        case Chat(said=[_, *_] as said):
            told = msgspec.structs.replace(message, text=in_words(said)[:TEXT_MAX], said=[])
        case Hangup(reason=reason, said=said) if reason:
            words = in_words(said) if said else gettext(reason)
            told = msgspec.structs.replace(message, reason=words[:REASON_MAX], said=[])
    return cast(M, told)


def part_in_language(part: PartState) -> PartState:
    """A part's words; those of an older agent are as it said them."""
    return msgspec.structs.replace(part, words=in_words(part.said)[:WORDS_MAX], said=[]) if part.said else part


def words_of(part: Mapping[str, Any], zone: tzinfo | None = None) -> str:
    """The words of a part as it is stored, in the language that is active now; instants in this zone."""
    return in_words(part.get("said") or [], zone) or str(part.get("words") or "")
