"""How often a camera's status is taken, and when it is worth a row."""

from __future__ import annotations

import time
from collections.abc import Callable

from ucam_protocol import Status

from cameras.room.limits import Window

STORE_EVERY_S = 10.0


class StatusBook:
    """What is remembered of one camera's statuses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rate = Window(8, 10, clock)  # one every 2 s, and a few more when something changes
        self._stored_at = float("-inf")
        self._stored: tuple[object, ...] = ()

    def allows(self) -> bool:
        """Whether one more is taken now."""
        return self._rate.allows()

    def is_due(self, status: Status) -> bool:
        """Whether to store it: a part changed, or the stored one is old. Counts it as stored."""
        now = self._clock()
        parts = (status.recording, *((name, part.state) for name, part in sorted(status.parts.items())))
        if parts == self._stored and now - self._stored_at < STORE_EVERY_S:
            return False
        self._stored, self._stored_at = parts, now
        return True
