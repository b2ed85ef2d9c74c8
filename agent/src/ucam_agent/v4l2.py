"""What a USB camera can give, asked of the kernel (linux/videodev2.h). Blocks when the driver hangs."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from .sources import Mode

QUERYCAP, ENUM_FMT, ENUM_FRAMESIZES, ENUM_FRAMEINTERVALS = 0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B
CAPTURE = 1  # V4L2_CAP_VIDEO_CAPTURE and V4L2_BUF_TYPE_VIDEO_CAPTURE
CAPABILITY = struct.Struct("<16s32s32sIII12x")
FORMAT = struct.Struct("<III32sII12x")
SIZE = struct.Struct("<IIIII16x8x")
INTERVAL = struct.Struct("<IIIIIII16x8x")
DISCRETE = 1
KINDS = {b"H264": "h264", b"MJPG": "mjpeg", b"JPEG": "mjpeg", b"YUYV": "raw", b"NV12": "raw", b"YU12": "raw"}
ENTRIES_MAX = 200

Ioctl = Callable[[int, bytearray], None]


def modes_of(path: Path) -> tuple[Mode, ...]:
    """The modes of a device; none when it does not capture. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return read_modes(lambda request, content: _ioctl(descriptor, request, content))
    finally:
        os.close(descriptor)


def read_modes(ioctl: Ioctl) -> tuple[Mode, ...]:
    """The same of anything that answers these requests as the kernel does."""
    capability = bytearray(CAPABILITY.size)
    ioctl(QUERYCAP, capability)
    if not CAPABILITY.unpack(capability)[5] & CAPTURE:
        return ()
    found = [
        Mode(KINDS[kind], width, height, rate, per)
        for kind in _formats(ioctl)
        for width, height in _sizes(ioctl, kind)
        for rate, per in _rates(ioctl, kind, width, height)
    ]
    return tuple(dict.fromkeys(found))


def _formats(ioctl: Ioctl) -> Iterator[bytes]:
    for content in _entries(ioctl, ENUM_FMT, lambda index: FORMAT.pack(index, CAPTURE, 0, b"", 0, 0)):
        kind = FORMAT.unpack(content)[4].to_bytes(4, "little")
        if kind in KINDS:
            yield kind


def _sizes(ioctl: Ioctl, kind: bytes) -> Iterator[tuple[int, int]]:
    fourcc = int.from_bytes(kind, "little")
    for content in _entries(ioctl, ENUM_FRAMESIZES, lambda index: SIZE.pack(index, fourcc, 0, 0, 0)):
        _, _, type_, width, height = SIZE.unpack(content)
        if type_ == DISCRETE:
            yield width, height


def _rates(ioctl: Ioctl, kind: bytes, width: int, height: int) -> Iterator[tuple[int, int]]:
    """Frames/s; the kernel tells the time between two of them."""
    fourcc = int.from_bytes(kind, "little")
    for content in _entries(
        ioctl, ENUM_FRAMEINTERVALS, lambda index: INTERVAL.pack(index, fourcc, width, height, 0, 0, 0)
    ):
        *_, type_, numerator, denominator = INTERVAL.unpack(content)
        if type_ == DISCRETE and numerator and denominator:
            yield denominator, numerator


def _entries(ioctl: Ioctl, request: int, packed: Callable[[int], bytes]) -> Iterator[bytearray]:
    """What the kernel lists, up to its EINVAL."""
    for index in range(ENTRIES_MAX):
        content = bytearray(packed(index))
        try:
            ioctl(request, content)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return
            raise
        yield content


def _ioctl(descriptor: int, request: int, content: bytearray) -> None:
    fcntl.ioctl(descriptor, request, content, True)
