"""What the list of cameras says of each, gathered for a whole page of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext

from cameras.models import Alert, Camera
from cameras.room.spoken import words_of
from storage import today
from storage.today import Day

STILL_FRESH = timedelta(minutes=2)  # what was stored so recently is the present
TROUBLED_CLOCK = ("degraded", "broken", "unknown")


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one camera."""

    day: Day
    alerts: list[Alert]

    @property
    def level(self) -> str:
        """The worst open alert's: critical, warning or ok."""
        levels = {alert.level for alert in self.alerts}
        return next((level for level in ("critical", "warning") if level in levels), "ok")


def attach(cameras: Sequence[Camera], now: datetime) -> None:
    """Give each camera its `facts`. Four queries."""
    days = today.days(cameras, now)
    alerts: dict[int, list[Alert]] = {camera.pk: [] for camera in cameras}
    for alert in Alert.objects.open().filter(camera__in=alerts).order_by("level", "pk"):
        alerts[alert.camera_id or 0].append(alert)
    for camera in cameras:
        vars(camera)["facts"] = Facts(days[camera.pk], alerts[camera.pk])


def duration(span: timedelta) -> str:
    """In words: 12 s, 5 min, 3 h, 4 days."""
    seconds = max(int(span.total_seconds()), 0)
    for least, unit, name in ((172_800, 86_400, gettext("days")), (7200, 3600, "h"), (120, 60, "min")):
        if seconds >= least:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def since(at: datetime) -> timedelta:
    """From then until now."""
    return timezone.now() - at


def size(count: int) -> str:
    """Bytes in words: 3.4 GiB."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"


def status_of(camera: Camera) -> dict[str, Any]:
    """What it said last."""
    return camera.status or {}


def clock_words(camera: Camera) -> tuple[str, str]:
    """(ok, off or trouble, words); what a camera said before it left is not true any more."""
    if not camera.online:
        return "off", ""
    part = status_of(camera).get("parts", {}).get("clock", {})
    if part.get("state") in TROUBLED_CLOCK:
        return "trouble", words_of(part) or gettext("not known to be right")
    offset = status_of(camera).get("clock_offset_ms")
    return ("ok", "") if offset is None else ("ok", f"{offset:+d} ms")


def spool_words(camera: Camera) -> tuple[str, str]:
    """(ok, off or trouble, words): what waits on it, and for how long it has room."""
    if not camera.online:
        return "off", ""
    status = status_of(camera)
    waiting, holds_s = status.get("spool_unshipped_bytes", 0), status.get("spool_holds_s")
    storage = status.get("parts", {}).get("storage", {}).get("state")
    words = gettext("{size} waiting").format(size=size(waiting)) if waiting else gettext("nothing waits")
    if holds_s is not None and storage in ("degraded", "broken"):
        words += ", " + gettext("room for {length}").format(length=duration(timedelta(seconds=holds_s)))
    return ("trouble" if storage == "broken" else "ok"), words


def stored_words(camera: Camera, now: datetime) -> tuple[str, str]:
    """(ok, off or trouble, words): how old the newest stored picture is."""
    if camera.latest_at is None:
        return "trouble", gettext("nothing yet")
    age = now - camera.latest_at
    if age < STILL_FRESH:
        return "ok", gettext("now")
    off = camera.online and not status_of(camera).get("recording") and not camera.facts.alerts  # type: ignore[attr-defined]
    return ("off" if off else "trouble"), gettext("{length} ago").format(length=duration(age))
