"""Sound in the recorder's MP4: a track of its own in the init, and a second `traf` in the `moof` of each fragment.

mp4mux is given pictures only: with a second track it would wait for a microphone that is silent or gone. Fields are
those of ISO/IEC 14496-12 and 14496-14. Pure functions of bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ucam_boxes import BoxesMalformed, whole_boxes

FRAME_SAMPLES = 1024  # of AAC-LC
AAC_LC = 2
RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
# One frame of nothing, of one channel and of two; the same for all rates.
SILENCE = {1: bytes.fromhex("00c8008023 80".replace(" ", "")), 2: bytes.fromhex("210049900219002380")}
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_DEFAULT_BASE_IS_MOOF = 0x020000


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """AAC-LC as it is recorded: samples/s, channels (1 or 2), and the same as decoders are told (14496-3)."""

    rate: int = 48_000
    channels: int = 1

    @property
    def config(self) -> bytes:
        """AudioSpecificConfig."""
        return struct.pack(">H", AAC_LC << 11 | RATES.index(self.rate) << 7 | self.channels << 3)

    @property
    def silence(self) -> bytes:
        return SILENCE[self.channels]

    @staticmethod
    def of(config: bytes) -> SoundFormat | None:
        """From an AudioSpecificConfig; None for what is not recorded as it comes (HE-AAC, more channels)."""
        if len(config) < 2:
            return None
        word = struct.unpack_from(">H", config)[0]
        kind, rate, channels, rest = word >> 11, word >> 7 & 0xF, word >> 3 & 0xF, word & 7
        if kind != AAC_LC or rate >= len(RATES) or channels not in SILENCE or rest:
            return None
        return SoundFormat(RATES[rate], channels)


def init_with_sound(init: bytes, sound: SoundFormat) -> tuple[bytes, int]:
    """The init with a sound track behind the others, and its number."""
    boxes = {kind: init[start:end] for kind, start, end in whole_boxes(init)}
    parts = [(kind, boxes[b"moov"][8:][start:end]) for kind, start, end in whole_boxes(boxes[b"moov"][8:])]
    number = 1 + sum(kind == b"trak" for kind, _ in parts)
    trak, trex = _trak(number, sound), _box(b"trex", struct.pack(">6I", 0, number, 1, FRAME_SAMPLES, 0, 0x02000000))
    moov = bytearray()
    for kind, whole in parts:
        if kind == b"mvhd":
            whole = whole[:-4] + struct.pack(">I", number + 1)
        if kind == b"mvex":
            whole = _box(b"mvex", whole[8:], trex)
            moov += trak
        moov += whole
    return b"".join(_box(b"moov", moov) if kind == b"moov" else whole for kind, whole in boxes.items()), number


def fragment_with_sound(fragment: bytes, track: int, decode_time: int, frames: Sequence[bytes]) -> bytes:
    """One `moof` and `mdat` with sound behind its pictures, from `decode_time` (samples) on."""
    if not frames:
        return fragment
    (_, _, moof_end), (_, mdat_start, mdat_end) = list(whole_boxes(fragment))[:2]
    head = 16 if fragment[mdat_start : mdat_start + 4] == b"\0\0\0\1" else 8
    pictures = memoryview(fragment)[mdat_start + head : mdat_end]
    grown = len(_traf(track, decode_time, frames, 0))
    trafs = bytearray(fragment[8:moof_end])
    for kind, start, end in whole_boxes(fragment[8:moof_end]):
        if kind == b"traf":
            _move_data(trafs, start + 8, end, grown + 8 - head)
    traf = _traf(track, decode_time, frames, moof_end + grown + 8 + len(pictures))
    return b"".join((_box(b"moof", trafs, traf), _box(b"mdat", pictures, *frames)))


def first_shown_after(fragment: bytes) -> int:
    """Ticks from when the first picture of a muxer's fragment is decoded until it is shown."""
    data = fragment[8:]
    for kind in (b"traf", b"trun"):
        found = [data[start + 8 : end] for name, start, end in whole_boxes(data[: len(fragment)]) if name == kind]
        if not found:
            return 0
        data = found[0]
    flags = struct.unpack_from(">I", data)[0]
    at = 8 + 4 * ((flags & 1) + (flags >> 2 & 1)) + 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400))
    return int(struct.unpack_from(">i", data, at)[0]) if flags & 0x800 else 0


def _move_data(moof: bytearray, start: int, end: int, by: int) -> None:
    """Of a `traf` between `start` and `end`: its data begin so much later, counted from the `moof`."""
    for kind, at, _ in list(whole_boxes(memoryview(bytes(moof[start:end])))):
        if kind == b"tfhd" and moof[start + at + 11] & 1:
            raise BoxesMalformed("A fragment of the muxer counts its data from the beginning of a file.")
        if kind == b"trun" and moof[start + at + 11] & 1:
            place = start + at + 16
            moof[place : place + 4] = struct.pack(">i", struct.unpack_from(">i", moof, place)[0] + by)


def _traf(track: int, decode_time: int, frames: Sequence[bytes], data_offset: int) -> bytes:
    sizes = struct.pack(f">{len(frames)}I", *map(len, frames))
    tfhd = _box(b"tfhd", struct.pack(">3I", _DEFAULT_BASE_IS_MOOF | 8, track, FRAME_SAMPLES))
    tfdt = _box(b"tfdt", struct.pack(">IQ", 1 << 24, decode_time))
    return _box(b"traf", tfhd, tfdt, _box(b"trun", struct.pack(">IIi", 0x201, len(frames), data_offset), sizes))


def _trak(number: int, sound: SoundFormat) -> bytes:
    tkhd = (
        struct.pack(">6I", 7, 0, 0, number, 0, 0) + bytes(8) + struct.pack(">4H", 0, 0, 0x100, 0) + _MATRIX + bytes(8)
    )
    mdhd = struct.pack(">5IHH", 0, 0, 0, sound.rate, 0, 0x55C4, 0)  # language: und
    hdlr = struct.pack(">II4s12x", 0, 0, b"soun") + b"Sound\0"
    url = _box(b"url ", struct.pack(">I", 1))
    tables = (_box(kind, bytes(8)) for kind in (b"stts", b"stsc", b"stco"))
    stbl = _box(b"stbl", _box(b"stsd", struct.pack(">II", 0, 1), _mp4a(sound)), *tables, _box(b"stsz", bytes(12)))
    dinf = _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), url))
    minf = _box(b"minf", _box(b"smhd", bytes(8)), dinf, stbl)
    mdia = _box(b"mdia", _box(b"mdhd", mdhd), _box(b"hdlr", hdlr), minf)
    return _box(b"trak", _box(b"tkhd", tkhd), mdia)


def _mp4a(sound: SoundFormat) -> bytes:
    """The sample entry, with the descriptors of 14496-1: object type AAC, audio stream."""
    config = _descriptor(5, sound.config)
    decoder = _descriptor(4, struct.pack(">BBBHII", 0x40, 0x15, 0, 0, 0, 0), config)
    esds = _descriptor(3, struct.pack(">HB", 0, 0), decoder, _descriptor(6, b"\2"))
    entry = struct.pack(">6xH8xHHHHI", 1, sound.channels, 16, 0, 0, sound.rate << 16)
    return _box(b"mp4a", entry, _box(b"esds", bytes(4), esds))


def _descriptor(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes((tag, len(body))) + body


def _box(kind: bytes, *parts: bytes | bytearray | memoryview) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body
