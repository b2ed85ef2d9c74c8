"""How fast the disk makes footage durable, measured where it matters: at each fsync of ingest."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator

from cameras.models import Alert
from cameras.sentences import say

WINDOW = 200
LOOK_EVERY = 20
SLOW_S, FAST_S = 1.0, 0.5  # a fragment lasts about 2 s: a disk that needs half of it for one camera cannot do several


class Pace:
    """The last durations of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: deque[float] = deque(maxlen=WINDOW)
        self._noted = 0

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Measure what happens within."""
        started = time.monotonic()
        yield
        self.note(time.monotonic() - started)

    def note(self, seconds: float) -> None:
        """One duration."""
        with self._lock:
            self._last.append(seconds)
            self._noted += 1

    def p95_s(self) -> float | None:
        """What 95 of 100 stay below; None as long as there are too few to say."""
        with self._lock:
            ordered = sorted(self._last)
        return ordered[len(ordered) * 95 // 100] if len(ordered) >= LOOK_EVERY else None

    def tell(self) -> None:
        """Now and then: raise or clear `storage_slow`; between the limits it stays as it is. Not within a lock."""
        with self._lock:
            due = self._noted >= LOOK_EVERY
            self._noted = 0 if due else self._noted
        p95 = self.p95_s() if due else None
        if p95 is not None and p95 > SLOW_S:
            Alert.objects.raise_(
                "storage_slow",
                Alert.Level.WARNING,
                say("The disk for footage is slow"),
                say(
                    "Writing a few seconds of footage takes it a second or more. Cameras keep what it cannot take; "
                    "when that lasts they run out of space. Look at the disk's health and at what else uses it."
                ),
            )
        elif p95 is not None and p95 < FAST_S:
            Alert.objects.clear("storage_slow")


PACE = Pace()
