"""The fragment index of a chunk: 24 bytes a fragment, in the chunk's row."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

ENTRY = struct.Struct("<QIIII")
HOLE_MS = 250  # less than this between two fragments is rounding or a late frame, not a hole


class Entry(NamedTuple):
    """One fragment: bytes in the file; its begin after the chunk's first frame and its duration in ms; its frames."""

    offset: int
    length: int
    at_ms: int
    duration_ms: int
    frames: int


def pack(entries: list[Entry]) -> bytes:
    """As the row holds them."""
    return b"".join(ENTRY.pack(*entry) for entry in entries)


def entries(fragments: bytes) -> Iterator[Entry]:
    """The fragments of a row."""
    return map(Entry._make, ENTRY.iter_unpack(fragments))


def last(fragments: bytes) -> Entry | None:
    """The newest fragment."""
    return Entry._make(ENTRY.unpack_from(fragments, len(fragments) - ENTRY.size)) if fragments else None
