"""How much of the disk must stay free."""

from __future__ import annotations

LOW_BYTES_MAX = 20 * 2**30


def low_below(size: int, asked: int) -> int:
    """Free bytes below which people are warned: what was asked for, else a tenth of the disk, at most 20 GiB."""
    return asked or min(size // 10, LOW_BYTES_MAX)


def reserve(size: int, asked: int) -> int:
    """Free bytes that retention keeps by deleting the oldest footage."""
    return low_below(size, asked) // 2


def critical_below(size: int, asked: int) -> int:
    """Free bytes below which retention does not keep up, or has nothing left to delete."""
    return low_below(size, asked) // 4


def refused_below(size: int, asked: int) -> int:
    """Free bytes that are never written into: the database needs them."""
    return low_below(size, asked) // 10
