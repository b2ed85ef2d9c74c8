"""What an export consists of: parts of footage without a break, each of which becomes one file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import pairwise

from cameras.models import Camera
from storage.index import HOLE_MS, Entry, entries
from storage.models import Chunk
from storage.reading import open_chunk
from storage.samples import box, read_tracks

PART_MS_MAX = 12 * 3600 * 1000  # the tables of a file are built in memory: some 15 MB for this long


@dataclass(slots=True)
class Piece:
    """Fragments `first` to before `last` of one chunk."""

    chunk: Chunk  # without its index: see `entries_of`
    first: int
    last: int
    bytes: int
    from_ms: int
    to_ms: int


@dataclass(slots=True)
class Part:
    """Pieces of one camera whose media times run on."""

    camera: Camera
    stream: tuple[object, ...]
    pieces: list[Piece] = field(default_factory=list)

    @property
    def from_ms(self) -> int:
        """The instant of its first frame."""
        return self.pieces[0].from_ms

    @property
    def to_ms(self) -> int:
        """The instant at which its last frame ends."""
        return self.pieces[-1].to_ms

    @property
    def bytes(self) -> int:
        """What is to be copied, a little more."""
        return sum(piece.bytes for piece in self.pieces)


def plan(camera: Camera, from_ms: int, to_ms: int) -> list[Part]:
    """The parts of a range, whole fragments around it, in order of time."""
    parts: list[Part] = []
    expected_ms = 0.0
    rows = Chunk.objects.stored().filter(camera=camera).within(from_ms, to_ms)
    for chunk in rows.iterator(50):
        index = list(entries(bytes(chunk.fragments)))
        chunk.fragments = b""
        media_ms = chunk.first_tfdt * 1000 / chunk.timescale
        stream: tuple[object, ...] = ()
        for piece in _pieces(chunk, index, from_ms, to_ms):
            stream = stream or stream_of(chunk)
            begin_ms = media_ms + piece.from_ms - chunk.started_ms
            last = parts[-1] if parts else None
            runs_on = last is not None and last.stream == stream and abs(begin_ms - expected_ms) <= HOLE_MS
            if last is None or not runs_on or piece.to_ms - last.from_ms > PART_MS_MAX:
                last = Part(camera, stream)
                parts.append(last)
            last.pieces.append(piece)
            expected_ms = media_ms + piece.to_ms - chunk.started_ms
    return parts


def entries_of(piece: Piece) -> list[Entry]:
    """The index entries of a piece."""
    fragments = Chunk.objects.values_list("fragments", flat=True).get(pk=piece.chunk.pk)
    return list(entries(bytes(fragments)))[piece.first : piece.last]


def stream_of(chunk: Chunk) -> tuple[object, ...]:
    """What must stay the same for two chunks to become one file: the run, and every word that decoders need."""
    reader = open_chunk(chunk)
    try:
        tracks = list(read_tracks(reader.read_at(0, chunk.init_bytes)))
    finally:
        reader.close()
    words = hashlib.sha256()
    for track in tracks:
        words.update(box(track.trak, b"mdia", b"minf", b"stbl", b"stsd"))
    return (chunk.boot, chunk.run, *((track.number, track.timescale) for track in tracks), words.hexdigest())


def _pieces(chunk: Chunk, index: list[Entry], from_ms: int, to_ms: int) -> list[Piece]:
    """The stretches of a chunk that touch a range, parted where fragments are missing."""
    begin, end = from_ms - chunk.started_ms, to_ms - chunk.started_ms
    touched = [number for number, one in enumerate(index) if one.at_ms + one.duration_ms > begin and one.at_ms < end]
    if not touched:
        return []
    first, last = touched[0], touched[-1] + 1
    broken = [
        number
        for number, (one, other) in enumerate(pairwise(index), 1)
        if first < number < last and other.at_ms - one.at_ms - one.duration_ms > HOLE_MS
    ]
    borders = [first, *broken, last]
    return [_piece(chunk, index, a, b) for a, b in pairwise(borders)]


def _piece(chunk: Chunk, index: list[Entry], first: int, last: int) -> Piece:
    begin, end = index[first], index[last - 1]
    return Piece(
        chunk, first, last, end.offset + end.length - begin.offset,
        chunk.started_ms + begin.at_ms, chunk.started_ms + end.at_ms + end.duration_ms,
    )  # fmt: skip
