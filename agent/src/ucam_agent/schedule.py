"""Whether a camera shall record now, by its schedule. Pure: no clock of its own."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import get_args

from ucam_protocol import Day, Period, Settings
from ucam_sentences import say

from .zones import zone_of

DAYS: tuple[str, ...] = get_args(Day)


def shall_record(settings: Settings, now: datetime | None) -> bool:
    """Without a schedule always. Also while nobody knows the time (None): what was not recorded never comes back."""
    if not settings.schedule or now is None:
        return True
    local = now.astimezone(zone_of(settings.timezone))
    return any(_shown(period, local) or _between(period, local) for period in settings.schedule)


def words(settings: Settings, now: datetime) -> str:
    """Why nothing is recorded now, and until when."""
    local = now.astimezone(zone_of(settings.timezone)).replace(second=0, microsecond=0)
    begins = [begin for period in settings.schedule if (begin := _next(period, local)) is not None]
    if not begins:
        return say("The camera's schedule leaves it off.")
    return say("Off by its schedule until {time}.", time=min(begins))


def _shown(period: Period, local: datetime) -> bool:
    """Times of day are compared as the clock on the wall shows them, so that summer time changes none of them."""
    now, begin, end = local.hour * 60 + local.minute, _minutes(period.from_), _minutes(period.to)
    today, yesterday = DAYS[local.weekday()] in period.days, DAYS[local.weekday() - 1] in period.days
    if begin < end:
        return today and begin <= now < end
    return (today and now >= begin) or (yesterday and now < end)


def _between(period: Period, local: datetime) -> bool:
    """In the hour that the clock shows twice: a period lasts from its first beginning to its last end."""
    if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():
        return False
    for back in (0, 1):
        day = local.date() - timedelta(days=back)
        if DAYS[day.weekday()] in period.days:
            begin, end = _minutes(period.from_), _minutes(period.to)
            begins = _instant(day, begin, local, fold=0)
            if begins <= local.astimezone(UTC) < _instant(day, end if begin < end else end + 1440, local, fold=1):
                return True
    return False


def _instant(day: date, minutes: int, local: datetime, *, fold: int) -> datetime:
    """When the clock shows this, the first time (fold 0) or the last; `minutes` may lie beyond midnight."""
    days, rest = divmod(minutes, 1440)
    shown = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60, fold=fold), local.tzinfo)
    return shown.astimezone(UTC)


def _next(period: Period, local: datetime) -> datetime | None:
    """When it begins next."""
    hour, minute = divmod(_minutes(period.from_), 60)
    for ahead in range(8):
        day = local + timedelta(days=ahead)
        begin = day.replace(hour=hour, minute=minute)
        if DAYS[day.weekday()] in period.days and begin > local:
            return begin
    return None


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
