"""What one camera may send: bytes a second, bytes a day, chunks begun and not finished. The rest it keeps for later.

The pace is counted in each web process by itself; the day's bytes are in the ledger.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import date, datetime

from django.conf import settings

from cameras.models import Alert, Camera
from cameras.sentences import say
from storage.errors import QuotaUsed, TooFast
from storage.models import Chunk, Total

BURST_S = 10
REQUEST_BYTES = 16 * 1024  # a request without a body costs this much, too
OPEN_MAX = 1000
ASK_AGAIN_S = 600
UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


class Pace:
    """A bucket of bytes for each camera that fills with time (token bucket)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[int, tuple[float, float]] = {}  # bytes at an instant of the monotonic clock

    def take(self, camera_id: int, count: int, bytes_s: float) -> float:
        """Take bytes; 0, or the seconds until there will be enough, and then nothing was taken."""
        now, full = time.monotonic(), bytes_s * BURST_S
        with self._lock:
            left, at = self._left.get(camera_id, (full, now))
            left = min(full, left + (now - at) * bytes_s)
            wanted = min(max(count, REQUEST_BYTES), full)
            missing = max(0.0, wanted - left)
            self._left[camera_id] = (left if missing else left - wanted, now)
        return missing / bytes_s


PACE = Pace()


def check_bytes(
    camera: Camera, count: int, now: datetime, arrived_on: Callable[[Camera, date], int] | None = None
) -> None:
    """Before bytes are taken. Raises TooFast, QuotaUsed. `arrived_on`: what came on a day, else the ledger says."""
    wait_s = PACE.take(camera.pk, count, settings.UCAM_CAMERA_RATE_BYTES)
    if wait_s:
        raise TooFast(
            f"This camera sends faster than it may ({_size(settings.UCAM_CAMERA_RATE_BYTES)} a second).",
            retry_after_s=math.ceil(wait_s),
        )
    if not count:
        return
    arrived = arrived_on(camera, now.date()) if arrived_on else Total.objects.arrived_on(camera.pk, now.date())
    if arrived + count > settings.UCAM_CAMERA_DAY_BYTES:
        raise _used_up(
            camera, say("{size} in a day (UCAM_CAMERA_DAY_BYTES)", size=_size(settings.UCAM_CAMERA_DAY_BYTES))
        )


def check_beginning(camera: Camera, now: datetime) -> None:
    """Before a chunk is begun; when all is well again the alert goes. Raises TooFast, QuotaUsed."""
    check_bytes(camera, 0, now)
    unfinished = Chunk.objects.filter(state=Chunk.State.OPEN, closed_at=None, camera=camera).order_by()
    if unfinished[:OPEN_MAX].count() >= OPEN_MAX:
        raise _used_up(camera, say("{count} chunks begun and none finished", count=OPEN_MAX))
    if Total.objects.arrived_on(camera.pk, now.date()) < settings.UCAM_CAMERA_DAY_BYTES:
        Alert.objects.clear("upload_quota", camera=camera)


def _used_up(camera: Camera, what: str) -> QuotaUsed:
    """Told to people as well as to the camera."""
    Alert.objects.raise_(
        "upload_quota",
        Alert.Level.WARNING,
        say("{name} may send no more today", name=camera.shown_name),
        say(
            "It has sent all that one camera may: {what}. It keeps the rest on its own disk. Lower its bitrate, raise "
            "the limit, or look whether its token is in other hands.",
            what=what,
        ),
        camera=camera,
    )
    return QuotaUsed(
        f"This camera has sent all that it may for now: {what}. It keeps the rest.", retry_after_s=ASK_AGAIN_S
    )


def _size(count: float) -> str:
    unit, name = next((one for one in UNITS if count >= 10 * one[0]), (1, "bytes"))
    return f"{count / unit:.0f} {name}"
