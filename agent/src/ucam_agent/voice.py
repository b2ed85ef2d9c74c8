"""The sound of footage, given at the times of the pictures that it belongs to."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from .gst import Pipeline, Sample
from .sound_sources import PCM_BYTES, RATE

BEEP_HZ, BEEP_MS, BEEP_LEVEL = 1000, 100, 8000
SECOND = 1_000_000_000

Heard = Callable[[int, bytes], None]  # CLOCK_MONOTONIC in ns, samples as sound_sources.PCM


class FileVoice:
    """What stands in the file beside the pictures."""

    def __init__(self, footage: Pipeline, heard: Heard) -> None:
        self._footage, self._heard = footage, heard
        self._next: Sample | None = None

    def give(self, picture: Sample, base_ns: int, tick_ns: int, duration_ns: int) -> None:
        """What is heard while this picture is shown, `tick_ns` after `base_ns`."""
        later_ns = base_ns + tick_ns - picture.running_ns
        while (sample := self._next or self._footage.pull("sounds", 0)) is not None:
            self._next = sample
            if sample.running_ns >= picture.running_ns + duration_ns:
                return
            self._heard(sample.running_ns + later_ns, sample.content())
            self._next = None

    def flashes(self, _tick_ns: int) -> bool:
        """Never."""
        return False


class TestVoice:
    """A beep at each full second; the picture flashes with it, so that a program can measure how they fit together."""

    __test__ = False  # for pytest, which takes Test* for a test class

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._second = _second()
        self._at = 0

    def give(self, _picture: Sample, base_ns: int, tick_ns: int, duration_ns: int) -> None:
        """As FileVoice."""
        begin = max(self._at, tick_ns * RATE // SECOND)
        self._at = (tick_ns + duration_ns) * RATE // SECOND
        start = begin % RATE
        samples = (self._second + self._second)[start * PCM_BYTES : (start + self._at - begin) * PCM_BYTES]
        if samples:
            self._heard(base_ns + begin * SECOND // RATE, samples)

    def flashes(self, tick_ns: int) -> bool:
        """Whether the picture of this tick goes with a beep."""
        return tick_ns % SECOND < BEEP_MS * 1_000_000


def _second() -> bytes:
    """One second: the beep, then silence."""
    count = RATE * BEEP_MS // 1000
    beep = (round(BEEP_LEVEL * math.sin(2 * math.pi * BEEP_HZ * at / RATE)) for at in range(count))
    return struct.pack(f"<{count}h", *beep) + bytes((RATE - count) * PCM_BYTES)
