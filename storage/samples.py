"""Samples of footage: what `moof` boxes say of every track, gathered for the tables of a plain MP4 (ISO/IEC 14496-12).

The bytes were judged when they came in (growth.py); here they are read again, and anything odd is StorageFailing.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import ucam_boxes

from storage.errors import StorageFailing
from storage.index import Entry
from storage.reading import Reader

NOT_SYNC = 0x10000
Defaults = tuple[int, int, int]  # duration, size, flags


@dataclass(frozen=True, slots=True)
class Run:
    """One `trun`: its samples lie one after the other from `data_offset` on, counted from the `moof`."""

    track: int
    tfdt: int
    data_offset: int
    durations: tuple[int, ...]
    sizes: tuple[int, ...]
    flags: tuple[int, ...]
    offsets: tuple[int, ...]  # composition offsets


@dataclass(slots=True)
class Track:
    """The samples of one track so far; each run is one chunk of the plain MP4 (its word, not ours)."""

    number: int
    trak: bytes  # as the init has it
    timescale: int
    is_video: bool
    defaults: Defaults
    begin: int = 0  # decode times in ticks
    end: int = 0
    last_shown: int = 0
    first_offset: int = 0
    sizes: array[int] = field(default_factory=lambda: array("I"))
    durations: array[int] = field(default_factory=lambda: array("I"))
    offsets: array[int] = field(default_factory=lambda: array("i"))
    sync: array[int] = field(default_factory=lambda: array("I"))  # numbers of keyframes, from 1
    run_samples: array[int] = field(default_factory=lambda: array("I"))
    run_places: array[int] = field(default_factory=lambda: array("Q"))  # in the bytes of all tracks together

    def add(self, run: Run, count: int, place: int) -> None:
        """The first `count` samples of a run, whose bytes come to lie at `place`."""
        if not self.sizes:
            self.begin, self.first_offset = run.tfdt, run.offsets[0] if run.offsets else 0
        else:  # what lies between two fragments (rounding, a late frame) is the last sample's: times stay true
            self.durations[-1] = max(self.durations[-1] + run.tfdt - self.end, 0)
        number = len(self.sizes) + 1
        self.sync.extend(number + at for at, flags in enumerate(run.flags[:count]) if not flags & NOT_SYNC)
        self.sizes.extend(run.sizes[:count])
        self.durations.extend(run.durations[:count])
        self.offsets.extend(run.offsets[:count])
        self.run_samples.append(count)
        self.run_places.append(place)
        self.end = run.tfdt + sum(run.durations[:count])


class Samples:
    """All tracks of a stretch without a break, and where its bytes lie."""

    def __init__(self, init: bytes) -> None:
        self.tracks = {track.number: track for track in read_tracks(init)}
        self.bytes = 0
        # Of each run: number of the source, offset, length.
        self.sources, self.starts, self.lengths = array("I"), array("Q"), array("Q")

    @property
    def video(self) -> Track:
        """There is exactly one."""
        return next(track for track in self.tracks.values() if track.is_video)

    def add(self, source: int, reader: Reader, entry: Entry, until: Fraction | None) -> None:
        """One fragment; of each track only what is shown before `until` (seconds of media time)."""
        at, end = entry.offset, entry.offset + entry.length
        while at < end:
            kind, size = _header(reader.read_at(at, 16))
            if kind == b"moof":
                for run in _runs(reader.read_at(at, size), self.tracks):
                    self._take(source, at, run, until)
            at += size

    def _take(self, source: int, moof_at: int, run: Run, until: Fraction | None) -> None:
        track = self.tracks[run.track]
        count = len(run.sizes) if until is None else _shown_before(run, until * track.timescale)
        if not count:
            return
        track.add(run, count, self.bytes)
        length = sum(run.sizes[:count])
        self.sources.append(source)
        self.starts.append(moof_at + run.data_offset)
        self.lengths.append(length)
        self.bytes += length


def _shown_before(run: Run, limit: Fraction) -> int:
    """How many samples it takes so that all that are shown before `limit` (ticks) are among them."""
    at, count = run.tfdt, 0
    for number, duration in enumerate(run.durations):
        if at + (run.offsets[number] if run.offsets else 0) < limit:
            count = number + 1
        at += duration
    return count


def read_tracks(init: bytes) -> Iterator[Track]:
    """The tracks of an init."""
    moov = next(init[start + 8 : end] for kind, start, end in ucam_boxes.whole_boxes(init) if kind == b"moov")
    extends = dict(_trex(box(moov, b"mvex")))
    for kind, start, end in ucam_boxes.whole_boxes(moov):
        if kind == b"trak":
            trak = moov[start + 8 : end]
            tkhd, mdhd, hdlr = box(trak, b"tkhd"), box(trak, b"mdia", b"mdhd"), box(trak, b"mdia", b"hdlr")
            number = _u32(tkhd, 20 if tkhd[0] else 12)
            timescale = _u32(mdhd, 20 if mdhd[0] else 12)
            yield Track(number, trak, timescale, hdlr[8:12] == b"vide", extends.get(number, (0, 0, 0)))


def box(data: bytes, *path: bytes) -> bytes:
    """The body of the first box at a path; raises StorageFailing."""
    for name in path:
        found = (data[start + 8 : end] for kind, start, end in ucam_boxes.whole_boxes(data) if kind == name)
        try:
            data = next(found)
        except (StopIteration, ucam_boxes.BoxesError) as error:
            raise StorageFailing("This footage cannot be read: its boxes are not as they should be.") from error
    return data


def _trex(mvex: bytes) -> Iterator[tuple[int, Defaults]]:
    for kind, start, end in ucam_boxes.whole_boxes(mvex):
        if kind == b"trex":
            number, _, duration, size, flags = struct.unpack_from(">5I", mvex[start + 8 : end], 4)
            yield number, (duration, size, flags)


def _header(head: bytes) -> tuple[bytes, int]:
    """(kind, size) of a box."""
    if len(head) < 16:
        raise StorageFailing("A file of footage is shorter than it was: run manage.py check_storage.")
    size, kind = struct.unpack_from(">I4s", head)
    size = struct.unpack_from(">Q", head, 8)[0] if size == 1 else size
    if size < 8:
        raise StorageFailing("This footage cannot be read: its boxes are not as they should be.")
    return kind, size


def _runs(moof: bytes, tracks: dict[int, Track]) -> Iterator[Run]:
    """The runs of a `moof`, of all its tracks."""
    try:
        for kind, start, end in ucam_boxes.whole_boxes(moof[8:]):
            if kind == b"traf":
                yield from _traf(moof[8:][start + 8 : end], tracks, len(moof) + 8)
    except (struct.error, ucam_boxes.BoxesError, KeyError) as error:
        raise StorageFailing("This footage cannot be read: its boxes are not as they should be.") from error


def _traf(traf: bytes, tracks: dict[int, Track], data_offset: int) -> Iterator[Run]:
    tfhd, tfdt = box(traf, b"tfhd"), box(traf, b"tfdt")
    flags, track = _u32(tfhd, 0), _u32(tfhd, 4)
    if flags & 1:  # an absolute offset counts in a file that these bytes have left
        raise StorageFailing("This footage cannot be copied: its fragments do not stand by themselves.")
    at = 8 + (4 if flags & 2 else 0)
    values = list(tracks[track].defaults)
    for number, bit in enumerate((8, 0x10, 0x20)):
        if flags & bit:
            values[number], at = _u32(tfhd, at), at + 4
    time = struct.unpack_from(">Q", tfdt, 4)[0] if tfdt[0] else _u32(tfdt, 4)
    for kind, start, end in ucam_boxes.whole_boxes(traf):
        if kind == b"trun":
            run = _trun(traf[start + 8 : end], track, time, (values[0], values[1], values[2]), data_offset)
            yield run
            time, data_offset = time + sum(run.durations), run.data_offset + sum(run.sizes)


def _trun(trun: bytes, track: int, time: int, defaults: Defaults, data_offset: int) -> Run:
    flags, count = struct.unpack_from(">II", trun)
    at = 8
    if flags & 1:
        data_offset, at = struct.unpack_from(">i", trun, at)[0], at + 4
    first_flags = None
    if flags & 4:
        first_flags, at = _u32(trun, at), at + 4
    columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    table = struct.unpack_from(f">{count * len(columns)}I", trun, at)
    column = {bit: table[number :: len(columns)] for number, bit in enumerate(columns)}
    each = [column.get(bit, (default,) * count) for bit, default in zip((0x100, 0x200, 0x400), defaults, strict=True)]
    if first_flags is not None and count:
        each[2] = (first_flags, *each[2][1:])
    signed = tuple(value - 2**32 if value >= 2**31 else value for value in column.get(0x800, ()))
    return Run(track, time, data_offset, each[0], each[1], each[2], signed)


def _u32(data: bytes, at: int) -> int:
    return int(struct.unpack_from(">I", data, at)[0])
