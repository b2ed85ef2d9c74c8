"""Stretches of time as sorted, disjoint (from_ms, to_ms) pairs, and what one does with them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

Span = tuple[int, int]


def merged(spans: Iterable[Span], tolerance_ms: int = 0) -> list[Span]:
    """Sorted and disjoint; neighbours no further apart than the tolerance become one."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if end <= begin:
            continue
        if found and begin - found[-1][1] <= tolerance_ms:
            if end > found[-1][1]:
                found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def clipped(spans: Iterable[Span], begin: int, end: int) -> list[Span]:
    """The parts within a range."""
    return [(max(a, begin), min(b, end)) for a, b in spans if a < end and b > begin]


def without(span: Span, taken: list[Span]) -> list[Span]:
    """The parts of a span that the sorted, disjoint `taken` leave free."""
    at, end = span
    free: list[Span] = []
    for number in range(bisect_right(taken, at, key=lambda pair: pair[1]), len(taken)):
        a, b = taken[number]
        if a >= end:
            break
        if a > at:
            free.append((at, a))
        at = b
    if at < end:
        free.append((at, end))
    return free


def total_ms(spans: Iterable[Span]) -> int:
    """Their length together."""
    return sum(end - begin for begin, end in spans)
