"""What a message says: what happened, where, since when, what to do, and the way back here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext, gettext_noop, override

from cameras.models import Alert, Delivery, NoticePlan
from cameras.sentences import clock

TITLES = {
    "reminded": gettext_noop("Still open"), "escalated": gettext_noop("Nobody has it yet"),
    "cleared": gettext_noop("Over"), "worse": gettext_noop("It got worse"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Notice:
    """One message in every form. `key` is the same for each attempt, `thread` for all about one alert."""

    title: str
    text: str
    facts: str
    url: str
    key: str
    thread: str
    urgent: bool


def notice(rows: Sequence[Delivery]) -> Notice:
    """The one message of these deliveries over the same channel, in the language of whom it goes to."""
    with override(rows[0].channel.user.reads):
        found = [_test(row) if row.alert is None else _about(row, row.alert) for row in rows]
        return found[0] if len(found) == 1 else _several(found)


def _several(found: list[Notice]) -> Notice:
    """A power cut is one message, however many cameras it reaches: each in a line of its own, what is urgent first."""
    found = sorted(found, key=lambda one: not one.urgent)
    first = found[0]
    return Notice(
        title=gettext("{title}, and {count} more").format(title=first.title, count=len(found) - 1),
        text="\n".join(f"{one.title} · {one.facts}" for one in found),
        facts="",
        url=f"{settings.UCAM_URL}/alerts/",
        key=first.key,
        thread=first.thread,
        urgent=any(one.urgent for one in found),
    )


def _test(row: Delivery) -> Notice:
    text = gettext("This is a test. Messages about alerts reach you this way.")
    url = f"{settings.UCAM_URL}/notifications/"
    return Notice(gettext("ucam: a test"), text, "", url, str(row.key), f"test-{row.key}", False)


def _about(row: Delivery, alert: Alert) -> Notice:
    kind = row.occasion.partition("-")[0]
    zone = NoticePlan.of(row.channel.user).zone(alert.location)
    title, text = alert.words(zone)
    return Notice(
        title=f"{gettext(TITLES[kind])}: {title}" if kind in TITLES else title,
        text="" if kind == "cleared" else text,
        facts=facts(alert, zone, kind == "raised"),
        url=f"{settings.UCAM_URL}/alerts/#alert-{alert.pk}",
        key=str(row.key),
        thread=f"alert-{alert.pk}",
        urgent=alert.level == Alert.Level.CRITICAL and kind != "cleared",
    )


def facts(alert: Alert, zone: ZoneInfo, first: bool) -> str:
    """Where, since when, for how long, who has it, whether it comes and goes."""
    where = f"{alert.camera.shown_name}, {alert.camera.location.shown_name}" if alert.camera else gettext("This server")
    told = [where if alert.camera or not alert.location else alert.location.shown_name]
    raised = clock(alert.raised_at, zone)
    if alert.cleared_at is None:
        told.append(gettext("since {time}").format(time=raised))
    else:
        told.append(gettext("{begin} to {end}").format(begin=raised, end=clock(alert.cleared_at, zone)))
    if alert.claimed_by is not None:
        who = gettext("{who} had it") if alert.cleared_at else gettext("{who} has it")
        told.append(who.format(who=alert.claimed_by.shown_name))
    times = times_today(alert) if first else 1
    if times > 1:
        told.append(gettext("it came and went {times} times within a day").format(times=times))
    return " · ".join(told)


def times_today(alert: Alert) -> int:
    """How often the same trouble came within the day before this one."""
    rows = Alert.objects.filter(about=alert.about, pk__lte=alert.pk)
    return rows.filter(raised_at__gte=alert.raised_at - timedelta(days=1)).count()
