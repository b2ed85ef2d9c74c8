"""What is stored of the present day, for many cameras in a fixed number of queries; good to a second, for lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import BigIntegerField, Case, F, Q, Sum, Value, When
from django.db.models.functions import Greatest

from cameras.models import Camera
from storage.models import Chunk, Gap, SpoolReport
from storage.models.chunk import CHUNK_MS_MAX, ms_of
from storage.models.gap import OFF_CAUSES
from storage.spans import clipped, merged, total_ms

SLACK_MS = 60_000  # the live edge, a report that is under way: no reason to show less than everything


@dataclass(frozen=True, slots=True)
class Day:
    """One camera's day since its midnight (or since it was added), in ms. `waiting`: still on the camera."""

    length: int
    stored: int = 0
    off: int = 0
    waiting: int = 0

    @property
    def missing(self) -> int:
        """Neither stored nor waiting nor off by choice; 0 for less than a minute."""
        rest = self.length - self.stored - self.off - self.waiting
        return rest if rest > SLACK_MS else 0

    @property
    def percent(self) -> int:
        """How much is not missing, 100 only when nothing is."""
        return 100 if not self.missing else min(99, round(100 * (1 - self.missing / self.length)))


def days(cameras: Iterable[Camera], now: datetime) -> dict[int, Day]:
    """Of each camera (its location loaded), by id. Three queries, however many cameras."""
    found = list(cameras)
    begins = {camera.pk: max(midnight_ms(camera.location.timezone, now), ms_of(camera.created_at)) for camera in found}
    if not begins:
        return {}
    end = ms_of(now)
    stored = _sums(Chunk.objects.stored(), found, begins, now, F("missing_ms"))
    off = _sums(Gap.objects.filter(cause__in=OFF_CAUSES), found, begins, now, Value(0), begin="from_ms", end="to_ms")
    waiting = dict(SpoolReport.objects.filter(camera__in=begins).values_list("camera", "unshipped"))
    return {
        pk: Day(
            length=max(end - begin, 0),
            stored=stored.get(pk, 0),
            off=off.get(pk, 0),
            waiting=total_ms(clipped(merged([(a, b) for a, b in waiting.get(pk) or []]), begin, end)),
        )
        for pk, begin in begins.items()
    }


def midnight_ms(zone: str, now: datetime) -> int:
    """The last midnight there."""
    local = now.astimezone(ZoneInfo(zone))
    return ms_of(local.replace(hour=0, minute=0, second=0, microsecond=0))


def _sums(
    rows: object,
    cameras: list[Camera],
    begins: dict[int, int],
    now: datetime,
    less: F | Value,
    begin: str = "started_ms",
    end: str = "ended_ms",
) -> dict[int, int]:
    """ms of rows since each camera's day began, by camera: at midnight, but for the few that were added today."""
    zones = {camera.location.timezone for camera in cameras}
    midnights = {zone: midnight_ms(zone, now) for zone in zones}
    new = [camera for camera in cameras if begins[camera.pk] > midnights[camera.location.timezone]]
    since = Case(
        *(When(camera=pk, then=Value(ms)) for pk, ms in ((camera.pk, begins[camera.pk]) for camera in new)),
        *(When(camera__location__timezone=zone, then=Value(ms)) for zone, ms in midnights.items()),
        default=Value(min(midnights.values())),
        output_field=BigIntegerField(),
    )
    early = min(midnights.values())
    near = Q(**{f"{end}__gt": early, f"{begin}__gt": early - max(CHUNK_MS_MAX, timedelta(days=2) // MS)})
    found = rows.filter(near, camera__in=[camera.pk for camera in cameras]).annotate(since=since)  # type: ignore[attr-defined]
    found = found.filter(**{f"{end}__gt": F("since")}).order_by().values("camera")
    found = found.annotate(ms=Sum(F(end) - Greatest(F(begin), F("since")) - less))
    return {row["camera"]: max(row["ms"], 0) for row in found}


MS = timedelta(milliseconds=1)
