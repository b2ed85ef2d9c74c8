"""How far this device's clock is from the server's, by pings over the room."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

WINDOW = 16
AGE_MAX_S = 900.0
WRONG_MS = 1000
DOUBT_MS_MAX = 3000  # a slow ping excuses so much at most


@dataclass(frozen=True, slots=True)
class Sample:
    """One ping: way there and back, and server time minus monotonic time, all in ms."""

    at_ms: float
    rtt_ms: float
    server_minus_mono_ms: float


class Clock:
    """The server's time as offset to ours, from the quickest ping of the last minutes.

    Samples are kept against the monotonic clock, so a step of the wall clock (NTP) falsifies none of them.
    """

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=WINDOW)

    def add(self, sent_mono_ms: float, received_mono_ms: float, server_ms: int) -> None:
        """A pong has come: the server wrote `server_ms` between the two instants of our monotonic clock."""
        rtt_ms = received_mono_ms - sent_mono_ms
        if rtt_ms < 0:
            return
        self._samples.append(Sample(received_mono_ms, rtt_ms, server_ms - (sent_mono_ms + rtt_ms / 2)))

    def best(self) -> Sample | None:
        """The quickest ping that is not too old."""
        newest = mono_ms() - AGE_MAX_S * 1000
        return min((one for one in self._samples if one.at_ms >= newest), key=lambda one: one.rtt_ms, default=None)

    @property
    def offset_ms(self) -> int | None:
        """Server's clock minus ours now, in ms; None before the first pong."""
        best = self.best()
        if best is None:
            return None
        return round(best.server_minus_mono_ms + mono_ms() - time.time() * 1000)

    @property
    def agrees(self) -> bool | None:
        """Whether our clock is right to a second, as far as the quickest ping can tell; None before the first pong."""
        offset_ms = self.offset_ms
        return None if offset_ms is None else abs(offset_ms) <= self._doubt_ms()

    def _doubt_ms(self) -> float:
        """What no clock is called wrong for. A pong of a busy server is seconds late, and its word as vague."""
        return WRONG_MS + min(self.error_ms or 0.0, DOUBT_MS_MAX)

    def utc_ms(self, mono_ns: int) -> int | None:
        """The server's time at an instant of our monotonic clock; None before the first pong."""
        best = self.best()
        return None if best is None else round(best.server_minus_mono_ms + mono_ns / 1e6)

    def corrected_ms(self, told_ms: int, mono_ns: int) -> int | None:
        """What our wall clock said at an instant of the monotonic one, by the server's; None before the first pong.

        A clock that was right to a second stays as it is: what it placed lies seamlessly.
        """
        right_ms = self.utc_ms(mono_ns)
        return told_ms if right_ms is not None and abs(right_ms - told_ms) <= self._doubt_ms() else right_ms

    def now_ms(self) -> int:
        """Now by the server's clock; by ours before the first pong, and while ours is right."""
        told_ms = time.time_ns() // 1_000_000
        right_ms = self.corrected_ms(told_ms, time.monotonic_ns())
        return told_ms if right_ms is None else right_ms

    @property
    def error_ms(self) -> float | None:
        """The offset is right to this many ms: half of the quickest way there and back."""
        best = self.best()
        return best.rtt_ms / 2 if best else None


def mono_ms() -> float:
    """The monotonic clock in ms."""
    return time.monotonic_ns() / 1e6
