"""A page of plots: what comes in, how long the disk lasts, how much of each day is there, how many alerts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, F, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from accounts.answers import said
from cameras.models import Alert, Camera
from storage.disk import reserve
from storage.errors import StorageAway
from storage.models import Chunk, Total
from storage.models.chunk import ms_of
from storage.volume import Volume
from ucam.operator.facts import size

DAYS, FORECAST_DAYS = 14, 60
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


class Plot(TypedDict):
    """Instants in seconds since 1970, and one list of values for each line (None: nothing known)."""

    at: list[int]
    lines: list[list[float | None]]
    words: str


def page(request: HttpRequest) -> HttpResponse:
    """The shell; figures.js fetches the rest."""
    facts = {**admin.site.each_context(request), "title": gettext("Figures"), "opts": Camera._meta}
    return TemplateResponse(request, "admin/cameras/figures.html", facts)


def data(request: HttpRequest) -> JsonResponse:
    """All four plots."""
    now = timezone.now()
    answer = JsonResponse({"inflow": inflow(now), "disk": disk(now), "coverage": coverage(now), "alerts": alerts(now)})
    answer["Cache-Control"] = "private, no-store"
    return answer


def inflow(now: datetime) -> Plot:
    """Mbit/s that were stored in each hour of the last days."""
    end = ms_of(now) // HOUR_MS
    hours = range(end - DAYS * 24, end + 1)
    rows = _chunks(hours[0] * HOUR_MS).annotate(slot=_slot(HOUR_MS)).values("slot").annotate(sum=Sum("bytes"))
    found = dict(rows.values_list("slot", "sum"))
    rate = [found.get(hour, 0) * 8 / 3600 / 1e6 for hour in hours]
    rate[-1] *= HOUR_MS / max(ms_of(now) - end * HOUR_MS, 60_000)  # this hour is not over yet
    last_day = sum(found.get(hour, 0) for hour in hours[-25:-1])
    words = gettext("Nothing came in lately.")
    if last_day:
        words = gettext("{size} came in during the last 24 whole hours.").format(size=size(last_day))
    return {"at": [hour * 3600 for hour in hours], "lines": [[round(value, 3) for value in rate]], "words": words}


def disk(now: datetime) -> Plot:
    """GB stored from now on, if cameras go on as in the last week and nothing is deleted; and what the disk takes."""
    used = Total.objects.aggregate(sum=Sum("bytes"))["sum"] or 0
    per_day = _per_day(now)
    try:
        with Volume() as volume:
            most = used + volume.free_bytes() - reserve(volume.size_bytes(), settings.UCAM_DISK_LOW_BYTES)
    except StorageAway as error:
        return {"at": [], "lines": [[], []], "words": f"{said(error.message)} {said(error.hint)}"}
    days = range(FORECAST_DAYS + 1)
    grown: list[float | None] = [round(min(used + per_day * day, most) / 1e9, 2) for day in days]
    start = int(now.timestamp())
    return {
        "at": [start + day * 86_400 for day in days],
        "lines": [grown, [round(most / 1e9, 2)] * len(days)],
        "words": _full_words(used, per_day, most, now),
    }


def _full_words(used: int, per_day: float, most: int, now: datetime) -> str:
    if not per_day:
        return gettext("Nothing came in lately, so when the disk is full is not known.")
    left = (most - used) / per_day
    if left <= 0:
        return gettext("The disk is full: for what comes in the oldest footage goes.")
    if left > 3650:
        return gettext("{size} a day; it lasts for more than ten years.").format(size=size(round(per_day)))
    day = now + timedelta(days=left)
    words = gettext("{size} a day; full on {day} unless retention deletes before. Then the oldest goes.")
    return words.format(size=size(round(per_day)), day=f"{day:%Y-%m-%d}")


def _per_day(now: datetime) -> float:
    """Bytes that came in a day, over the last week or as long as there is something."""
    begin = ms_of(now) - 7 * DAY_MS
    facts = _chunks(begin).aggregate(bytes=Sum("bytes"), ms=Sum(F("ended_ms") - F("started_ms")))
    first = _chunks(begin).order_by("started_ms").values_list("started_ms", flat=True).first()
    span = max(ms_of(now) - max(first, begin), HOUR_MS) if first else DAY_MS
    return (facts["bytes"] or 0) * DAY_MS / span


def coverage(now: datetime) -> Plot:
    """Percent of each day (UTC) that is stored, over all cameras that were there."""
    today = ms_of(now) // DAY_MS
    days = range(today - DAYS, today + 1)
    rows = _chunks(days[0] * DAY_MS).annotate(slot=_slot(DAY_MS)).values("slot")
    stored = dict(rows.annotate(ms=Sum(F("ended_ms") - F("started_ms") - F("missing_ms"))).values_list("slot", "ms"))
    since = [ms_of(at) for at in Camera.objects.values_list("created_at", flat=True)]
    line = [_percent(stored.get(day, 0), since, day * DAY_MS, min((day + 1) * DAY_MS, ms_of(now))) for day in days]
    words = gettext("What is stored of all cameras' time. Hours that a schedule leaves out count as not stored.")
    return {"at": [day * 86_400 for day in days], "lines": [line], "words": words}


def _percent(stored: int, since: list[int], begin: int, end: int) -> float | None:
    """None when no camera was there."""
    whole = sum(max(end - max(begin, one), 0) for one in since)
    return round(min(100 * stored / whole, 100), 2) if whole else None


def alerts(now: datetime) -> Plot:
    """How many were raised on each day, critical ones and others."""
    days = [(now - timedelta(days=ago)).date() for ago in range(DAYS, -1, -1)]
    rows = Alert.objects.filter(raised_at__date__gte=days[0]).order_by().annotate(day=TruncDate("raised_at"))
    found = {
        (row["day"], row["level"]): row["count"] for row in rows.values("day", "level").annotate(count=Count("pk"))
    }
    levels = (Alert.Level.CRITICAL, Alert.Level.WARNING)
    lines: list[list[float | None]] = [[found.get((day, level), 0) for day in days] for level in levels]
    count = Alert.objects.open().count()
    words = gettext("No alert is open now.")
    if count:
        words = gettext("1 alert is open now.") if count == 1 else gettext("{count} alerts are open now.")
        words = words.format(count=count)
    at = [int(datetime(day.year, day.month, day.day, tzinfo=now.tzinfo).timestamp()) for day in days]
    return {"at": at, "lines": lines, "words": words}


def _chunks(begin_ms: int) -> Any:
    return Chunk.objects.stored().filter(started_ms__gte=begin_ms).order_by()


def _slot(length_ms: int) -> Any:
    """Number of the hour or day in which a chunk begins."""
    return (F("started_ms") - F("started_ms") % length_ms) / length_ms
