"""What newly written bytes add to a chunk: its init, and the fragments that are whole now."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

import ucam_boxes

from storage.errors import NotFragmentedMp4
from storage.index import HOLE_MS, Entry, last, pack
from storage.models import Chunk
from storage.models.chunk import CHUNK_MS_MAX

INIT_BYTES_MAX = 64 * 1024
FRAGMENTS_MAX = 20_000
HEAD_BYTES = ucam_boxes.MOOF_BYTES_MAX + 32  # a moof and the header of the mdat behind it


@dataclass(slots=True)
class Growth:
    """The new values of a chunk's columns."""

    init_bytes: int
    timescale: int
    codec: str
    width: int
    height: int
    first_tfdt: int
    whole_bytes: int
    fragments: bytes
    frames: int
    ended_ms: int
    missing_ms: int


def grow(descriptor: int, chunk: Chunk, size: int, *, torn: bool = False) -> Growth:
    """Read what of the first `size` bytes of the file is not in the index yet; raises NotFragmentedMp4.

    `torn`: whatever stands behind the last whole fragment is of no interest.
    """
    growth = Growth(**{name: getattr(chunk, name) for name in Growth.__slots__})
    growth.fragments = bytes(growth.fragments)
    init = _init(descriptor, growth, size)
    if init is not None:
        at = _fragments(descriptor, chunk, growth, init, size)
        if not torn:
            _check_beginning(descriptor, at, size, init)
    return growth


def _init(descriptor: int, growth: Growth, size: int) -> ucam_boxes.Init | None:
    """The head of the file, None as long as it is not complete."""
    try:
        if growth.init_bytes:
            init = _known_init(os.pread(descriptor, growth.init_bytes, 0))
        else:
            init = ucam_boxes.read_init(os.pread(descriptor, min(size, INIT_BYTES_MAX), 0))
    except ucam_boxes.BoxesTruncated as error:
        if size >= INIT_BYTES_MAX:
            raise NotFragmentedMp4("The head of the file (ftyp, moov) is too large.") from error
        return None
    except ucam_boxes.BoxesError as error:
        raise _refused(error) from error
    growth.init_bytes, growth.timescale, growth.codec = init.size, init.timescale, init.codec
    growth.width, growth.height = init.width, init.height
    return init


# The same few bytes again and again: each fragment is judged by the head of its own file, which may have changed.
_known_init = functools.lru_cache(maxsize=256)(ucam_boxes.read_init)


def _fragments(descriptor: int, chunk: Chunk, growth: Growth, init: ucam_boxes.Init, size: int) -> int:
    """Index the fragments that are whole; where the last one ends."""
    at = growth.whole_bytes or init.size
    entry = last(growth.fragments)
    new: list[Entry] = []
    for fragment in ucam_boxes.whole_fragments(descriptor, at, init=init, end=size):
        if not entry:
            growth.first_tfdt = fragment.tfdt
        entry = _entry(fragment, growth, entry)
        new.append(entry)
        at = fragment.offset + fragment.size
    if new:
        growth.fragments += pack(new)
        growth.whole_bytes = at
        growth.frames += sum(one.frames for one in new)
        growth.ended_ms = chunk.started_ms + new[-1].at_ms + new[-1].duration_ms
    if len(growth.fragments) > FRAGMENTS_MAX * 24:
        raise NotFragmentedMp4(f"A chunk has at most {FRAGMENTS_MAX} fragments.")
    return at


def _entry(fragment: ucam_boxes.Fragment, growth: Growth, before: Entry | None) -> Entry:
    """The index entry of a fragment whose times make sense after the one before it."""
    if not fragment.keyframe_first:
        raise NotFragmentedMp4("A fragment does not begin with a keyframe.")
    ticks = fragment.tfdt - growth.first_tfdt
    at_ms = round(ticks * 1000 / growth.timescale)
    end_ms = round((ticks + fragment.duration) * 1000 / growth.timescale)
    earliest = before.at_ms + before.duration_ms if before else 0
    if at_ms < earliest - HOLE_MS or at_ms < 0 or end_ms > CHUNK_MS_MAX:
        raise NotFragmentedMp4("The times of the fragments make no sense together.")
    if at_ms - earliest > HOLE_MS:
        growth.missing_ms += at_ms - earliest
    return Entry(fragment.offset, fragment.size, at_ms, end_ms - at_ms, fragment.frames)


def _check_beginning(descriptor: int, at: int, size: int, init: ucam_boxes.Init) -> None:
    """Bytes behind the last whole fragment may be the beginning of another, nothing else."""
    if at == size:
        return
    try:
        ucam_boxes.read_fragment(os.pread(descriptor, min(size - at, HEAD_BYTES), at), init=init)
    except ucam_boxes.BoxesTruncated:
        return
    except ucam_boxes.BoxesError as error:
        raise _refused(error) from error


def _refused(error: ucam_boxes.BoxesError) -> NotFragmentedMp4:
    return NotFragmentedMp4(f"{error.message} Nothing of these bytes was kept.")
