"""The time of day, as far as somebody has confirmed it since the machine was started: the server, or a time service.

A Pi without a battery wakes with the time of its last shutdown, which looks right and may be weeks old. What was
confirmed once is kept on the monotonic clock, whatever becomes of the network and of the wall clock. No clock is asked
but this machine's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from . import wallclock

EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)  # nobody who names a time before that knows it
SERVER_COUNTS_S = 60.0  # so long its word counts more than the kernel's: it is given every few seconds
WORTH_KEEPING_MS = 1000


class ConfirmedTime:
    """`utc_minus_mono_ms`: what an earlier process of this boot knew; `keep` remembers it for the next one."""

    def __init__(self, utc_minus_mono_ms: int | None, keep: Callable[[int], None]) -> None:
        self._known_ms = self._kept_ms = utc_minus_mono_ms
        self._keep = keep
        self._server_s: float | None = None

    def tell(self, utc_minus_mono_ms: int) -> None:
        """The server's clock minus our monotonic one, as just measured."""
        self._server_s = time.monotonic()
        self._take(utc_minus_mono_ms)

    def now(self) -> datetime | None:
        """UTC; None while nobody has confirmed it in this boot."""
        fresh = self._server_s is not None and time.monotonic() - self._server_s < SERVER_COUNTS_S
        if not fresh and wallclock.kernel_state() == "synchronised":
            self._take(wallclock.utc_ms(0))
        if self._known_ms is None:
            return None
        with suppress(OverflowError, ValueError, OSError):  # an instant that no calendar has
            now = datetime.fromtimestamp(self._known_ms / 1000 + time.monotonic(), UTC)
            return now if now >= EARLIEST else None
        return None

    def _take(self, utc_minus_mono_ms: int) -> None:
        self._known_ms = utc_minus_mono_ms
        if self._kept_ms is None or abs(self._kept_ms - utc_minus_mono_ms) > WORTH_KEEPING_MS:
            self._kept_ms = utc_minus_mono_ms
            self._keep(utc_minus_mono_ms)
