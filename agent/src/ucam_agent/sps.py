"""The sequence parameter set of H.264 (ITU-T H.264, 7.3.2.1.1 and annex E), read for one question. No gi."""

from __future__ import annotations

import re

BASELINE = 66
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_SAR_EXTENDED = 255
_START = re.compile(rb"\x00\x00\x01")
SPS = 7
ZEROS_MAX = 32


class _Bits:
    """Reads bits one after the other; raises ValueError at the end."""

    def __init__(self, unit: bytes) -> None:
        content = unit.replace(b"\x00\x00\x03", b"\x00\x00")  # emulation prevention (7.4.1)
        self._value, self._left = int.from_bytes(content, "big"), 8 * len(content)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("the set ends too early")
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return bool(self.take(1))

    def ue(self) -> int:
        """Exp-Golomb (9.1)."""
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > ZEROS_MAX:
                raise ValueError("a number is too large")
        return (1 << zeros) - 1 + self.take(zeros)

    def skip(self, *counts: int) -> None:
        for count in counts:
            self.take(count)

    def skip_ue(self, count: int) -> None:
        for _ in range(count):
            self.ue()


def in_order(access_unit: bytes) -> bool:
    """Whether pictures are shown in the order they are decoded, for certain: by the set in this byte stream."""
    units = _START.split(access_unit)[1:]
    sets = [unit for unit in units if unit and unit[0] & 31 == SPS]
    try:
        return bool(sets) and all(_in_order(one) for one in sets)
    except ValueError:
        return False


def _in_order(unit: bytes) -> bool:
    bits = _Bits(unit[1:])
    profile = bits.take(8)
    bits.skip(8, 8)
    bits.ue()
    if profile == BASELINE:
        return True  # has no B slices (A.2.1)
    if profile in _WITH_CHROMA:
        _skip_chroma(bits)
    bits.ue()
    order = bits.ue()
    if order == 2:
        return True  # output order is decoding order (8.2.1.3)
    if order == 0:
        bits.ue()
    else:
        return False
    bits.ue()
    bits.flag()
    bits.skip_ue(2)
    if not bits.flag():
        bits.flag()
    bits.flag()
    if bits.flag():
        bits.skip_ue(4)
    return bits.flag() and _reordered(bits) == 0


def _skip_chroma(bits: _Bits) -> None:
    if bits.ue() == 3:
        bits.flag()
    bits.skip_ue(2)
    bits.flag()
    if bits.flag():
        raise ValueError("scaling lists are not read")


def _reordered(bits: _Bits) -> int | None:
    """max_num_reorder_frames of the VUI; None when it does not tell (E.1.1)."""
    if bits.flag() and bits.take(8) == _SAR_EXTENDED:
        bits.skip(32)
    if bits.flag():
        bits.flag()
    if bits.flag():
        bits.skip(4)
        if bits.flag():
            bits.skip(24)
    if bits.flag():
        bits.skip_ue(2)
    if bits.flag():
        bits.skip(32, 32, 1)
    timed = False
    for _ in range(2):
        if bits.flag():
            timed = True
            _skip_hrd(bits)
    if timed:
        bits.flag()
    bits.flag()
    if not bits.flag():
        return None
    bits.flag()
    bits.skip_ue(4)
    return bits.ue()


def _skip_hrd(bits: _Bits) -> None:
    count = bits.ue() + 1
    bits.skip(8)
    for _ in range(count):
        bits.skip_ue(2)
        bits.flag()
    bits.skip(20)
