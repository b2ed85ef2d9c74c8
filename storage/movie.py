"""A plain MP4 (`ftyp`, `moov`, `mdat`: it plays at once and everywhere) around samples that lie elsewhere.

Nothing is encoded anew. An exact cut is an edit list: the file begins with the keyframe before it, which players skip.
A box is a list of its bytes in order, so that the tables of hours are not copied at each level of boxes around them.
"""

from __future__ import annotations

import struct
from array import array
from fractions import Fraction
from itertools import groupby

from storage.samples import Samples, Track, box

MOVIE_TIMESCALE = 1000
Box = list[bytes]
FTYP = b"ftyp" + b"isom" + struct.pack(">I", 512) + b"isomiso2avc1mp41"


def head(samples: Samples, begin: Fraction | None, end: Fraction | None) -> Box:
    """All of the file before the samples' bytes. Shown is from `begin` to `end`, in seconds of media time."""
    # The sizes of places do not depend on the places.
    before = len(FTYP) + 4 + sum(map(len, _moov(samples, begin, end, 0))) + 16
    ftyp = struct.pack(">I", len(FTYP) + 4) + FTYP
    return [ftyp, *_moov(samples, begin, end, before), struct.pack(">I4sQ", 1, b"mdat", samples.bytes + 16)]


def shown_from(samples: Samples) -> Fraction:
    """Where the first picture is shown, in seconds of media time."""
    video = samples.video
    return Fraction(video.begin + video.first_offset, video.timescale)


def shown_until(track: Track) -> Fraction:
    """Where the last sample of a track ends."""
    return Fraction(track.end + track.first_offset, track.timescale)


def _moov(samples: Samples, begin: Fraction | None, end: Fraction | None, base: int) -> Box:
    start = shown_from(samples) if begin is None else max(begin, shown_from(samples))
    tracks = [track for track in samples.tracks.values() if track.sizes]
    ends = {track.number: min(shown_until(track), end or shown_until(track)) for track in tracks}
    tracks = [track for track in tracks if ends[track.number] > start]
    traks = [_trak(track, start, ends[track.number], base) for track in tracks]
    duration = _movie_ticks(max(ends[track.number] for track in tracks) - start)
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    fixed = struct.pack(">IH10x", 0x10000, 0x100) + matrix + bytes(24)
    times = struct.pack(">IQQIQ", 1 << 24, 0, 0, MOVIE_TIMESCALE, duration)
    following = max(samples.tracks) + 1
    return _box(b"moov", _box(b"mvhd", times + fixed + struct.pack(">I", following)), *traks)


def _trak(track: Track, start: Fraction, end: Fraction, base: int) -> Box:
    """One track: what the camera said of it, with tables of ours."""
    tkhd = bytearray(box(track.trak, b"tkhd"))
    struct.pack_into(">Q" if tkhd[0] else ">I", tkhd, 28 if tkhd[0] else 20, _movie_ticks(end - start))
    mdia, mdhd = box(track.trak, b"mdia"), box(track.trak, b"mdia", b"mdhd")
    language = mdhd[-4:-2]
    times = struct.pack(">IQQIQ", 1 << 24, 0, 0, track.timescale, sum(track.durations)) + language + bytes(2)
    minf = box(mdia, b"minf")
    kind = b"vmhd" if track.is_video else b"smhd"
    inside = [_box(kind, box(minf, kind)), _box(b"dinf", box(minf, b"dinf")), _box(b"stbl", *_stbl(track, base))]
    media = [_box(b"mdhd", times), _box(b"hdlr", box(mdia, b"hdlr")), _box(b"minf", *inside)]
    return _box(b"trak", _box(b"tkhd", bytes(tkhd)), _edts(track, start, end), _box(b"mdia", *media))


def _edts(track: Track, start: Fraction, end: Fraction) -> Box:
    """The edit list: what is shown of the track, and when."""
    first = Fraction(track.begin + track.first_offset, track.timescale)
    edits = []
    if first > start:
        edits.append((_movie_ticks(first - start), -1))
    skipped = max(start - first, Fraction(0))
    media_time = track.first_offset + round(skipped * track.timescale)
    edits.append((_movie_ticks(end - max(start, first)), media_time))
    rows = b"".join(struct.pack(">Qqhh", duration, time, 1, 0) for duration, time in edits)
    return _box(b"edts", _box(b"elst", struct.pack(">II", 1 << 24, len(edits)) + rows))


def _stbl(track: Track, base: int) -> list[Box]:
    """Tables: times, sizes, places, keyframes."""
    stbl = box(track.trak, b"mdia", b"minf", b"stbl")
    tables = [_box(b"stsd", box(stbl, b"stsd")), _table(b"stts", 2, _grouped(track.durations))]
    if any(track.offsets):
        tables.append(_table(b"ctts", 2, _grouped(track.offsets), version=1))
    if track.is_video and len(track.sync) < len(track.sizes):
        tables.append(_table(b"stss", 1, track.sync))
    tables.append(_table(b"stsc", 3, _stsc(track)))
    tables.append(_box(b"stsz", struct.pack(">III", 0, 0, len(track.sizes)), _big_endian(track.sizes)))
    tables.append(_table(b"co64", 1, array("Q", (place + base for place in track.run_places))))
    return tables


def _grouped(values: array[int]) -> array[int]:
    """(count, value) of equal neighbours."""
    rows = array(values.typecode)
    for value, same in groupby(values):
        rows.extend((sum(1 for _ in same), value))
    return rows


def _stsc(track: Track) -> array[int]:
    """(number of the first run, samples in each, 1) wherever the samples in a run change."""
    rows, before = array("I"), None
    for number, count in enumerate(track.run_samples, 1):
        if count != before:
            rows.extend((number, count, 1))
            before = count
    return rows


def _table(kind: bytes, columns: int, rows: array[int], *, version: int = 0) -> Box:
    return _box(kind, struct.pack(">II", version << 24, len(rows) // columns), _big_endian(rows))


def _big_endian(values: array[int]) -> bytes:
    swapped = array(values.typecode, values)
    swapped.byteswap()  # every machine that ucam runs on is little-endian
    return swapped.tobytes()


def _box(kind: bytes, *parts: bytes | Box) -> Box:
    body = [piece for part in parts for piece in ([part] if isinstance(part, bytes) else part)]
    return [struct.pack(">I4s", sum(map(len, body)) + 8, kind), *body]


def _movie_ticks(seconds: Fraction) -> int:
    return max(0, round(seconds * MOVIE_TIMESCALE))
