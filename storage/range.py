"""Times in addresses: reading them, and what they may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rest_framework.request import Request

from storage.errors import RangeInvalid
from storage.models.chunk import instant_of, ms_of


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of time, ms since 1970; `to_ms` None: until now and on."""

    from_ms: int
    to_ms: int | None


def instant(request: Request, key: str) -> int | None:
    """Milliseconds of `?key=`, None when it is not given; raises RangeInvalid."""
    text = request.query_params.get(key)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # a plus in an address arrives as a space
    except ValueError as error:
        raise RangeInvalid(f"`{key}` is no time that can be read.") from error
    if at.tzinfo is None:
        raise RangeInvalid(f"`{key}` must say its time zone: Z at its end for UTC.")
    return ms_of(at)


def asked_range(request: Request, *, longest: timedelta, open_end: bool, now: datetime) -> Range:
    """`?from&to`; without `to` only where that has a meaning. Raises RangeInvalid in words."""
    from_ms, to_ms = instant(request, "from"), instant(request, "to")
    if from_ms is None or (to_ms is None and not open_end):
        raise RangeInvalid("Say `from`." if open_end else "Say `from` and `to`.")
    end_ms = ms_of(now) if to_ms is None else to_ms
    if to_ms is not None and from_ms >= to_ms:
        raise RangeInvalid("`from` must come before `to`.")
    if end_ms - from_ms > longest / timedelta(milliseconds=1):
        raise RangeInvalid(f"This range is too long: at most {longest // timedelta(hours=1)} hours at once.")
    return Range(from_ms, to_ms)


def asked_number(request: Request, key: str, default: int, *, within: tuple[int, int]) -> int:
    """`?key=`, a whole number between two others, both included; raises RangeInvalid in words."""
    text, (least, most) = request.query_params.get(key), within
    if not text:
        return default
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise RangeInvalid(f"`{key}` must be a whole number from {least} to {most}.")


def text_of(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return instant_of(ms).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
