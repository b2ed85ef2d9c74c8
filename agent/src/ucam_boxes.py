"""A strict reader of the MP4 boxes that ucam records: an init (`ftyp`, `moov`) and fragments (`moof`, `mdat`).

Standard library only, and safe for hostile bytes: every length is checked, nothing is read beyond its box, there is no
recursion, sizes and counts are bounded, and `mdat` is never read. Fields are ISO/IEC 14496-12's, `avcC` is 14496-15's.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

INIT_BYTES_MAX = 256 * 1024
MOOF_BYTES_MAX = 1024 * 1024
FRAGMENT_BYTES_MAX = 64 * 2**20
FRAMES_MAX = 20_000
TRACKS_MAX = 8
_MOOFS_MAX = 64
_TFDT_MAX = 2**62

_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_HEADER = struct.Struct(">I4s")

Read = Callable[[int, int], bytes]


class BoxesError(Exception):
    """Root of what can be wrong with a file's boxes. `code` is stable; `permanent`: more bytes would not help."""

    code = "media"
    permanent = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BoxesMalformed(BoxesError):
    """These bytes are no init or fragment as ucam writes them."""

    code = "media_malformed"


class BoxesTruncated(BoxesError):
    """The bytes end within a box: more of them could make it whole."""

    code = "media_truncated"
    permanent = False


@dataclass(frozen=True, slots=True)
class Defaults:
    """What `trex` says about the samples of one track that do not say it themselves. Ticks and bytes."""

    duration: int = 0
    size: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Init:
    """The head of a chunk: `size` in bytes; `timescale` in ticks/s; `codec` after RFC 6381 (avc1.42C01F)."""

    size: int
    timescale: int
    codec: str
    width: int
    height: int
    video_track: int
    defaults: Defaults = Defaults()


@dataclass(frozen=True, slots=True)
class Fragment:
    """One keyframe group: `size` bytes at `offset`; decode time and duration of its video in ticks of the timescale."""

    offset: int
    size: int
    tfdt: int
    duration: int
    frames: int
    keyframe_first: bool


@dataclass(frozen=True, slots=True)
class _Box:
    """Header of one box: `start` is its first byte, `body` the first after the header, `end` the one after the box."""

    kind: bytes
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class _Run:
    """The samples of one track in one `moof`."""

    track: int
    tfdt: int
    duration: int
    frames: int
    data_bytes: int
    keyframe_first: bool


# ---------------------------------------------------------------- for others


def read_init(data: bytes) -> Init:
    """The init at the beginning of `data` (fragments may follow); raises BoxesTruncated or BoxesMalformed."""
    read = _reader(data)
    box = _header(read, 0, len(data))
    if box.kind != b"ftyp":
        raise BoxesMalformed(f"The file does not begin with an ftyp box but with {_shown(box.kind)}.")
    while box.kind != b"moov":
        if box.kind not in (b"ftyp", b"free", b"skip") or box.end > INIT_BYTES_MAX:
            raise BoxesMalformed(f"There is a box {_shown(box.kind)} where moov must be.")
        box = _header(read, box.end, len(data))
    if box.end > INIT_BYTES_MAX:
        raise BoxesMalformed(f"The init has {box.end} bytes, more than {INIT_BYTES_MAX}.")
    if box.end > len(data):
        raise BoxesTruncated("The bytes end within the moov box.")
    return _moov(data[: box.end], box)


def read_fragment(data: bytes, offset: int = 0, *, init: Init | None = None) -> Fragment:
    """The fragment at `offset`, with its audio. Without `init` the first track met counts as the video.

    Raises BoxesTruncated when `data` ends within it, BoxesMalformed for anything else than a fragment. What
    follows it is not judged: compare `size` with what should be there.
    """
    return _fragment(_reader(data), offset, len(data), init)


def whole_fragments(
    file: BinaryIO | int, start: int, *, init: Init | None = None, end: int | None = None
) -> Iterator[Fragment]:
    """The fragments of a file from byte `start` on, until its end or the first byte that is no whole fragment.

    `file` has a descriptor or is one: it is read by position, its own position is left alone.
    """
    descriptor = file if isinstance(file, int) else file.fileno()
    size = os.fstat(descriptor).st_size
    limit = size if end is None else min(end, size)
    offset = start
    while offset < limit:
        try:
            fragment = _fragment(lambda at, count: os.pread(descriptor, count, at), offset, limit, init)
        except BoxesError:
            return
        yield fragment
        offset = fragment.offset + fragment.size


def whole_boxes(data: bytes | bytearray | memoryview) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of the boxes that lie wholly in `data`, from its first byte on; raises BoxesMalformed."""
    offset = 0
    while len(data) - offset >= 16:
        box = _header(lambda at, count: bytes(data[at : at + count]), offset, len(data))
        if box.end > len(data):
            return
        yield box.kind, box.start, box.end
        offset = box.end


# ---------------------------------------------------------------- boxes


def _shown(kind: bytes) -> str:
    return repr(kind.decode("latin-1"))


def _reader(data: bytes) -> Read:
    return lambda at, count: data[at : at + count]


def _header(read: Read, offset: int, limit: int) -> _Box:
    """The box at `offset`, which may end after `limit`."""
    head = read(offset, min(16, max(limit - offset, 0)))
    if len(head) < 8:
        raise BoxesTruncated("The bytes end within the header of a box.")
    size, kind = _HEADER.unpack_from(head)
    length = 8
    if size == 1:
        if len(head) < 16:
            raise BoxesTruncated("The bytes end within the header of a box.")
        size, length = _U64.unpack_from(head, 8)[0], 16
    if size < length:
        raise BoxesMalformed(f"The box {_shown(kind)} at byte {offset} tells an impossible size, {size}.")
    return _Box(kind, offset, offset + length, offset + size)


def _children(data: bytes, start: int, end: int) -> Iterator[_Box]:
    """The boxes that fill `data[start:end]` exactly."""
    read = _reader(data)
    while start < end:
        try:
            box = _header(read, start, end)
        except BoxesTruncated as error:
            raise BoxesMalformed(f"There are {end - start} stray bytes at the end of a box.") from error
        if box.end > end:
            raise BoxesMalformed(f"The box {_shown(box.kind)} is longer than the one around it.")
        yield box
        start = box.end


def _only(data: bytes, parent: _Box, *path: bytes) -> _Box:
    """The first box at `path` below `parent`."""
    for kind in path:
        found = next((box for box in _children(data, parent.body, parent.end) if box.kind == kind), None)
        if found is None:
            raise BoxesMalformed(f"The box {_shown(parent.kind)} has no {_shown(kind)}.")
        parent = found
    return parent


class _Fields:
    """Reads the fields of one box one after the other, never beyond its end."""

    def __init__(self, data: bytes, box: _Box, skip: int = 0) -> None:
        self._data, self._box, self._at = data, box, box.body + skip

    def take(self, count: int) -> bytes:
        at, self._at = self._at, self._at + count
        if self._at > self._box.end:
            raise BoxesMalformed(f"The box {_shown(self._box.kind)} is too short for what it says it holds.")
        return self._data[at : self._at]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "big")

    def version_flags(self) -> tuple[int, int]:
        word = self.u32()
        return word >> 24, word & 0xFFFFFF


# ---------------------------------------------------------------- moov


def _moov(data: bytes, moov: _Box) -> Init:
    tracks = [box for box in _children(data, moov.body, moov.end) if box.kind == b"trak"]
    if len(tracks) > TRACKS_MAX:
        raise BoxesMalformed(f"The moov box has {len(tracks)} tracks, more than {TRACKS_MAX}.")
    videos = [trak for trak in tracks if _handler(data, trak) == b"vide"]
    if len(videos) != 1:
        raise BoxesMalformed(f"The moov box has {len(videos)} video tracks; it must have one.")
    track = _track_id(data, videos[0])
    codec, width, height = _sample_entry(data, videos[0])
    defaults = _trex(data, moov, track)
    return Init(moov.end, _timescale(data, videos[0]), codec, width, height, track, defaults)


def _handler(data: bytes, trak: _Box) -> bytes:
    fields = _Fields(data, _only(data, trak, b"mdia", b"hdlr"), skip=8)
    return fields.take(4)


def _track_id(data: bytes, trak: _Box) -> int:
    fields = _Fields(data, _only(data, trak, b"tkhd"))
    version, _ = fields.version_flags()
    fields.take(16 if version else 8)
    return fields.u32()


def _timescale(data: bytes, trak: _Box) -> int:
    fields = _Fields(data, _only(data, trak, b"mdia", b"mdhd"))
    version, _ = fields.version_flags()
    fields.take(16 if version else 8)
    timescale = fields.u32()
    if not 1 <= timescale <= 10_000_000:
        raise BoxesMalformed(f"The video's timescale is {timescale}; 1 to 10 million would be sound.")
    return timescale


def _sample_entry(data: bytes, trak: _Box) -> tuple[str, int, int]:
    """Codec, width and height of the one H.264 sample entry."""
    stsd = _only(data, trak, b"mdia", b"minf", b"stbl", b"stsd")
    if _Fields(data, stsd, skip=4).u32() != 1:
        raise BoxesMalformed("The video track must have exactly one sample description.")
    inner = _Box(b"stsd", stsd.start, stsd.body + 8, stsd.end)
    entry = _only(data, inner, b"avc1")
    fields = _Fields(data, entry, skip=24)
    width, height = fields.u16(), fields.u16()
    fields.take(50)
    if not (16 <= width <= 8192 and 16 <= height <= 8192):
        raise BoxesMalformed(f"The picture is said to be {width} x {height} pixels, which no camera of ours makes.")
    configuration = _only(data, _Box(b"avc1", entry.start, entry.body + 78, entry.end), b"avcC")
    version, profile, compatibility, level = _Fields(data, configuration).take(4)
    if version != 1:
        raise BoxesMalformed(f"The avcC box has version {version}; 1 is the only one.")
    return f"avc1.{profile:02X}{compatibility:02X}{level:02X}", width, height


def _trex(data: bytes, moov: _Box, track: int) -> Defaults:
    mvex = _only(data, moov, b"mvex")
    for box in _children(data, mvex.body, mvex.end):
        if box.kind != b"trex":
            continue
        fields = _Fields(data, box, skip=4)
        if fields.u32() == track:
            fields.u32()
            return Defaults(fields.u32(), fields.u32(), fields.u32())
    raise BoxesMalformed("The mvex box says nothing about the video track.")


# ---------------------------------------------------------------- moof


def _fragment(read: Read, offset: int, limit: int, init: Init | None) -> Fragment:
    """A video `moof` and `mdat`, then those without video up to the next video `moof` or `limit`."""
    video: _Run | None = None
    at = offset
    for _ in range(_MOOFS_MAX):
        try:
            runs, end = _moof_and_mdat(read, at, limit, init)
        except BoxesError:
            if video is None:
                raise
            break  # the end, or something that is not this fragment's: the caller sees where it stopped
        track = init.video_track if init else (video or runs[0]).track
        found = next((run for run in runs if run.track == track), None)
        if found and video:
            break
        if not (found or video):
            raise BoxesMalformed("A fragment must begin with video.")
        video, at = video or found, end
        if at - offset > FRAGMENT_BYTES_MAX:
            raise BoxesMalformed(f"A fragment has more than {FRAGMENT_BYTES_MAX} bytes.")
    if video is None:
        raise BoxesMalformed("A fragment must begin with video.")
    return Fragment(offset, at - offset, video.tfdt, video.duration, video.frames, video.keyframe_first)


def _moof_and_mdat(read: Read, offset: int, limit: int, init: Init | None) -> tuple[list[_Run], int]:
    """The runs of the `moof` at `offset` and the first byte after its `mdat`."""
    moof = _header(read, offset, limit)
    if moof.kind != b"moof":
        raise BoxesMalformed(f"There is a box {_shown(moof.kind)} where a fragment (moof) must begin.")
    if moof.end - moof.start > MOOF_BYTES_MAX:
        raise BoxesMalformed(f"A moof box has more than {MOOF_BYTES_MAX} bytes.")
    if moof.end > limit:
        raise BoxesTruncated("The bytes end within a moof box.")
    mdat = _header(read, moof.end, limit)
    if mdat.kind != b"mdat":
        raise BoxesMalformed(f"There is a box {_shown(mdat.kind)} where mdat must follow.")
    if mdat.end - offset > FRAGMENT_BYTES_MAX:
        raise BoxesMalformed(f"A fragment has more than {FRAGMENT_BYTES_MAX} bytes.")
    if mdat.end > limit:
        raise BoxesTruncated("The bytes end within an mdat box.")
    runs = _moof(read(offset, moof.end - offset), init)
    if sum(run.data_bytes for run in runs) > mdat.end - mdat.body:
        raise BoxesMalformed("The samples of a moof box are larger than its mdat.")
    return runs, mdat.end


def _moof(data: bytes, init: Init | None) -> list[_Run]:
    """The runs of a whole `moof` box."""
    top = _header(_reader(data), 0, len(data))
    trafs = [box for box in _children(data, top.body, top.end) if box.kind == b"traf"]
    if not 1 <= len(trafs) <= TRACKS_MAX:
        raise BoxesMalformed(f"A moof box has {len(trafs)} tracks; 1 to {TRACKS_MAX} would be sound.")
    return [_traf(data, traf, init) for traf in trafs]


def _traf(data: bytes, traf: _Box, init: Init | None) -> _Run:
    track, defaults = _tfhd(data, _only(data, traf, b"tfhd"), init)
    fields = _Fields(data, _only(data, traf, b"tfdt"))
    version, _ = fields.version_flags()
    tfdt = fields.u64() if version else fields.u32()
    if tfdt > _TFDT_MAX:
        raise BoxesMalformed("The decode time of a fragment is impossibly large.")
    duration = frames = data_bytes = 0
    first: bool | None = None
    for box in _children(data, traf.body, traf.end):
        if box.kind == b"trun":
            run = _trun(data, box, defaults, frames)
            duration, frames, data_bytes = duration + run[0], frames + run[1], data_bytes + run[2]
            first = run[3] if first is None and run[1] else first
    if not frames:
        raise BoxesMalformed("A moof box has a track without any sample.")
    return _Run(track, tfdt, duration, frames, data_bytes, bool(first))


def _tfhd(data: bytes, box: _Box, init: Init | None) -> tuple[int, Defaults]:
    """Track and defaults of a `traf`."""
    fields = _Fields(data, box)
    _, flags = fields.version_flags()
    track = fields.u32()
    known = init.defaults if init and init.video_track == track else Defaults()
    fields.take((8 if flags & 1 else 0) + (4 if flags & 2 else 0))
    duration = fields.u32() if flags & 8 else known.duration
    size = fields.u32() if flags & 0x10 else known.size
    return track, Defaults(duration, size, fields.u32() if flags & 0x20 else known.flags)


def _trun(data: bytes, box: _Box, defaults: Defaults, before: int) -> tuple[int, int, int, bool]:
    """Duration, samples, bytes of a `trun`; whether its first sample is a keyframe. `before`: samples met so far."""
    fields = _Fields(data, box)
    _, flags = fields.version_flags()
    count = fields.u32()
    if before + count > FRAMES_MAX:
        raise BoxesMalformed(f"A fragment has more than {FRAMES_MAX} samples.")
    fields.take(4 if flags & 1 else 0)
    first_flags = fields.u32() if flags & 4 else None
    columns = [bit for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit]
    width = len(columns)
    table = struct.unpack(f">{count * width}I", fields.take(count * width * 4))
    column = {bit: table[index::width] for index, bit in enumerate(columns)}
    duration = sum(column[0x100]) if 0x100 in column else count * defaults.duration
    size = sum(column[0x200]) if 0x200 in column else count * defaults.size
    if first_flags is None:
        first_flags = column[0x400][0] if column.get(0x400) else defaults.flags
    return duration, count, size, not first_flags & 0x10000
