"""The week of a person's cameras: what was stored, what was lost and why, alerts and who had them, exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max, Min, Q
from django.utils.translation import gettext, gettext_noop

from accounts.models import User
from cameras.models import Alert, Camera, NoticePlan, Right
from cameras.sentences import translated
from storage.coverage import Stretch, coverage, totals
from storage.errors import StorageAway
from storage.forecast import forecast
from storage.models import Chunk, Export, SpoolPeak
from storage.models.chunk import instant_of, ms_of
from storage.range import Range, text_of
from storage.retention import days_kept

CAUSES = {
    "power": gettext_noop("no power or a restart"), "recorder": gettext_noop("the recorder was restarted"),
    "camera": gettext_noop("the camera failed"), "encoder": gettext_noop("the encoder failed"),
    "settings": gettext_noop("new settings"), "disk": gettext_noop("the camera's disk failed"),
    "spool_full": gettext_noop("no room left on the camera"),
    "corrupt": gettext_noop("the file on the camera was damaged"),
    "storage": gettext_noop("the file on the server was damaged or lost"), "": gettext_noop("not known why"),
}  # fmt: skip
ALERTS_MAX, EXPORTS_MAX = 30, 20
FOREVER_DAYS = 365_000


@dataclass(frozen=True, slots=True)
class Week:
    """From Monday to Monday by the reader's calendar."""

    monday: date
    begin: datetime
    end: datetime

    @classmethod
    def of(cls, monday: date, zone: ZoneInfo) -> Week:
        """The one that begins on this Monday."""
        begin = datetime.combine(monday, time(), tzinfo=zone)
        return cls(monday, begin, datetime.combine(monday + timedelta(days=7), time(), tzinfo=zone))


def last_monday(now: datetime, zone: ZoneInfo) -> date:
    """The Monday with which the last whole week began."""
    today = now.astimezone(zone).date()
    return today - timedelta(days=today.weekday() + 7)


def letter(user: User, monday: date, now: datetime) -> dict[str, Any]:
    """As docs/protocol.md has it, of the cameras whose recordings the person may see or which they look after.

    In the language that is active now.
    """
    zone = NoticePlan.of(user).zone()
    week = Week.of(monday, zone)
    cameras = Camera.objects.may(user, Right.REPLAY) | Camera.objects.may(user, Right.OPERATE)
    rows = [_camera(camera, week, now) for camera in cameras.select_related("location").distinct()]
    known = [row["share"] for row in rows if row["share"] is not None]
    return {
        "week": monday.isoformat(), "timezone": zone.key, "from": text_of(ms_of(week.begin)),
        "to": text_of(ms_of(week.end)), "share": min(known) if known else None, "cameras": rows,
        "alerts": _alerts(user, week), "exports": _exports(user, week),
    }  # fmt: skip


def _camera(camera: Camera, week: Week, now: datetime) -> dict[str, Any]:
    asked = Range(ms_of(week.begin), ms_of(week.end))
    stretches = _since_first(camera, coverage(camera, asked, None, now))
    sums = totals(stretches)
    wanted = sum(sums.values()) - sums["off"]
    gaps = [one for one in stretches if one.state in ("lost", "unknown")]
    longest = max(gaps, key=lambda one: one.to_ms - one.from_ms, default=None)
    return {
        "jid": str(camera.jid), "name": camera.shown_name, "location": camera.location.shown_name,
        "share": (sums["stored"] + sums["on_camera"]) / wanted if wanted else None,
        "seconds": sums, "gaps": len(gaps), "longest_gap": _gap(longest),
        "spool_peak": _peak(camera, week), **_kept(camera, now),
    }  # fmt: skip


def _since_first(camera: Camera, stretches: list[Stretch]) -> list[Stretch]:
    """Without the time before a new camera recorded for the first time: nothing was lost there."""
    begun_ms = ms_of(camera.created_at)
    while stretches and stretches[0].state == "unknown" and stretches[0].from_ms < begun_ms:
        stretches = stretches[1:]
    return stretches


def _gap(stretch: Stretch | None) -> dict[str, Any] | None:
    if stretch is None:
        return None
    known = CAUSES.get(stretch.cause)
    why = gettext(known) if known else stretch.cause.replace("_", " ")
    seconds = (stretch.to_ms - stretch.from_ms) / 1000
    return {"from": text_of(stretch.from_ms), "seconds": seconds, "cause": stretch.cause, "words": why}


def _peak(camera: Camera, week: Week) -> dict[str, Any] | None:
    """The fullest that the camera's own disk was."""
    rows = SpoolPeak.objects.filter(camera=camera, day__gte=week.begin.date(), day__lt=week.end.date())
    row = rows.order_by("-bytes").first()
    if row is None:
        return None
    share = row.bytes / row.quota_bytes if row.quota_bytes else None
    return {"bytes": row.bytes, "quota_bytes": row.quota_bytes, "share": share, "day": row.day.isoformat()}


def _kept(camera: Camera, now: datetime) -> dict[str, Any]:
    """Days that are there against days that were asked for, and in words what fits."""
    oldest_ms = Chunk.objects.stored().filter(camera=camera).aggregate(ms=Min("started_ms"))["ms"]
    kept = None if oldest_ms is None else round((now - instant_of(oldest_ms)) / timedelta(days=1), 1)
    asked: int | None = days_kept(camera)
    asked = None if asked is not None and asked >= FOREVER_DAYS else asked
    try:
        found = forecast(camera, now)
    except StorageAway:
        return {"days_kept": kept, "days_asked": asked, "short": False, "fits": "", "young": False}
    return {
        "days_kept": kept,
        "days_asked": asked,
        "short": found.short,
        "fits": translated(found.words),
        "young": found.young,
    }


def _alerts(user: User, week: Week) -> dict[str, Any]:
    """Raised in the week: how many, how many nobody took, the newest ones."""
    rows = Alert.objects.for_user(user).filter(raised_at__gte=week.begin, raised_at__lt=week.end)
    newest = rows.select_related("claimed_by", "camera__location", "location").order_by("-raised_at")[:ALERTS_MAX]
    listed = [
        {
            "title": alert.words()[0], "level": alert.level, "raised_at": text_of(ms_of(alert.raised_at)),
            "claimed_by": alert.claimed_by.shown_name if alert.claimed_by else "",
            "cleared_at": text_of(ms_of(alert.cleared_at)) if alert.cleared_at else None,
        }
        for alert in newest
    ]  # fmt: skip
    unclaimed = rows.filter(claimed_at=None, level=Alert.Level.CRITICAL).count()
    return {"count": rows.count(), "critical_unclaimed": unclaimed, "listed": listed}


def _exports(user: User, week: Week) -> list[dict[str, Any]]:
    """Asked for in the week: of all cameras that the person looks after, and the person's own."""
    mine = Q(user=user) | Q(cameras__in=Camera.objects.may(user, Right.OPERATE).order_by().values("pk"))
    rows = Export.objects.filter(mine, created_at__gte=week.begin, created_at__lt=week.end)
    numbers = rows.values("pk").annotate(at=Max("created_at")).order_by("-at").values_list("pk", flat=True)
    found = Export.objects.filter(pk__in=list(numbers[:EXPORTS_MAX])).prefetch_related("cameras__location")
    return [
        {
            "owner": export.owner, "cameras": [camera.shown_name for camera in export.cameras.all()],
            "from": text_of(export.from_ms), "to": text_of(export.to_ms), "reason": export.reason,
            "created_at": text_of(ms_of(export.created_at)), "state": export.state,
        }
        for export in found.order_by("-created_at")
    ]  # fmt: skip
