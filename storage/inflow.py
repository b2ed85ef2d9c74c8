"""What is stored of each camera and what comes in a day: of all of them in two queries, however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min, OuterRef, Subquery, Sum

from cameras.models import Camera
from storage.models import Chunk
from storage.models.chunk import ms_of

DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Flow:
    """One camera's. `per_day`: bytes; of a camera younger than a day, as many as a whole day would bring."""

    location: int
    stored: int
    per_day: float
    oldest_ms: int | None


def flows(now: datetime) -> dict[int, Flow]:
    """Of every camera, by its key."""
    end = ms_of(now)
    rows = Chunk.objects.stored().filter(started_ms__gt=end - DAY_MS, started_ms__lte=end).order_by()
    came = {
        row["camera"]: (row["sum"], row["begin"])
        for row in rows.values("camera").annotate(sum=Sum("bytes"), begin=Min("started_ms"))
    }
    oldest = Chunk.objects.stored().filter(camera=OuterRef("pk")).order_by("started_ms").values("started_ms")[:1]
    cameras = Camera.objects.annotate(oldest=Subquery(oldest))
    return {
        pk: Flow(location, stored or 0, _per_day(*came.get(pk, (0, end)), first, end), first)
        for pk, location, stored, first in cameras.values_list("pk", "location", "stored_total__bytes", "oldest")
    }


def summed(found: Iterable[Flow]) -> tuple[int, float]:
    """Bytes stored and bytes a day of several."""
    several = list(found)
    return sum(flow.stored for flow in several), sum(flow.per_day for flow in several)


def _per_day(came: int, begin: int, oldest_ms: int | None, end: int) -> float:
    older = oldest_ms is not None and oldest_ms <= end - DAY_MS
    return came * DAY_MS / (DAY_MS if older else max(end - begin, 60_000))
