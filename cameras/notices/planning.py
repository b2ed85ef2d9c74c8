"""What is to be told to whom, and when: raised, worse, reminded, escalated, cleared. Doing it twice changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from accounts.models import User
from cameras.models import Alert, Channel, Delivery, Location, Membership, NoticePlan, Right, Wish

log = logging.getLogger(__name__)

SETTLE = timedelta(seconds=20)  # what is over before that was never worth a message
ENDS = timedelta(seconds=120)  # what stays away for that long is over
REMIND_AFTER = (timedelta(hours=1), timedelta(hours=6))
REMIND_EVERY = timedelta(days=1)
LOOK_BACK = timedelta(days=1)
TOLD = (Delivery.State.SENT, Delivery.State.SENDING)


def plan(now: datetime) -> None:
    """All messages that have become due to be planned."""
    rows = Alert.objects.select_related("camera__location", "location")
    for alert in rows.left_alone():
        alert.let_go()
    for alert in rows.open().filter(planned_at=None):
        _plan_raised(alert, now)
    for alert in rows.open().filter(claimed_at=None).exclude(planned_at=None):
        _plan_reminder(alert, now)
        _plan_escalation(alert, now)
    ended = rows.filter(cleared_at__gt=now - LOOK_BACK, ending_planned_at=None)
    for alert in ended:
        _plan_ending(alert, now)


def channels_for(alert: Alert, level: str = "") -> list[Channel]:
    """All ways by which people want to hear of this alert, or would, were it of another level."""
    found: list[Channel] = []
    for user, looks_after in audience(alert):
        wish = Wish.of(user, alert.location, looks_after=looks_after)
        if wish.wants(level or alert.level):
            found += channels_of(user, wish.kinds())
    return found


def channels_of(user: User, kinds: Iterable[str]) -> list[Channel]:
    """The person's channels of these kinds; everybody has mail."""
    Channel.objects.mail_of(user)
    return list(Channel.objects.filter(user=user, enabled=True, kind__in=list(kinds)))


def audience(alert: Alert) -> list[tuple[User, bool]]:
    """Everybody who may know of the alert, and whether they look after its place."""
    carers = {user.pk for user in operators(alert.location)}
    here = Membership.objects.effective().filter(location=alert.location).values("user") if alert.location else []
    people = User.objects.filter(Q(pk__in=carers) | Q(pk__in=here), is_active=True, is_guest=False)
    return [(user, user.pk in carers) for user in people]


def operators(location: Location | None) -> list[User]:
    """Who looks after a place: those with the right to, and the operators of the whole installation."""
    here = Membership.objects.allowing(Right.OPERATE).filter(location=location).values("user") if location else []
    return list(User.objects.filter(Q(is_staff=True) | Q(pk__in=here), is_active=True, is_guest=False))


def _plan_raised(alert: Alert, now: datetime) -> None:
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, planned_at=None).update(planned_at=now):
            return
        channels = channels_for(alert)
        if alert.worse_at is not None:
            _plan_worse(alert, now)
        Delivery.objects.plan(alert, "raised", channels, alert.raised_at + SETTLE)


def _plan_worse(alert: Alert, now: datetime) -> None:
    """A warning became critical: whoever was told of it is told so; what waits, for the morning perhaps, is looked at
    anew.
    """
    raised = Delivery.objects.filter(alert=alert, occasion="raised")
    told = set(raised.filter(state__in=TOLD).values_list("channel", flat=True))
    raised.filter(state=Delivery.State.WAITING).update(due_at=now)
    mild = channels_for(alert, Alert.Level.WARNING)
    Delivery.objects.plan(alert, "worse", [channel for channel in mild if channel.pk in told], now)


def _plan_reminder(alert: Alert, now: datetime) -> None:
    """The next one that is due; those that were due while nobody planned are not made up for."""
    after = REMIND_AFTER[alert.reminders] if alert.reminders < len(REMIND_AFTER) else None
    since = alert.raised_at if after is not None else alert.reminded_at or alert.raised_at
    if now - since < (after or REMIND_EVERY):
        return
    with transaction.atomic():
        mine = Alert.objects.open().filter(pk=alert.pk, reminders=alert.reminders, claimed_at=None)
        if mine.update(reminders=F("reminders") + 1, reminded_at=now):
            Delivery.objects.plan(alert, f"reminded-{alert.reminders + 1}", channels_for(alert), now)
            alert.refresh_from_db()
            alert.announce()


def _plan_escalation(alert: Alert, now: datetime) -> None:
    """Nobody has it for too long: everybody who looks after the place hears of it, by every way there is."""
    minutes = alert.location.escalate_after_min if alert.location else None
    wait = timedelta(minutes=settings.UCAM_ESCALATE_AFTER_MIN if minutes is None else minutes)
    if alert.escalated_at is not None or now - alert.raised_at < wait:
        return
    with transaction.atomic():
        mine = Alert.objects.open().filter(pk=alert.pk, escalated_at=None, claimed_at=None)
        if mine.update(escalated_at=now):
            every = [kind.value for kind in Channel.Kind]
            channels = [channel for user in operators(alert.location) for channel in channels_of(user, every)]
            if not channels:
                log.warning("Nobody can be told that nobody takes care of: %s", alert.title)
            Delivery.objects.plan(alert, "escalated", channels, now)
            alert.refresh_from_db()
            alert.announce()


def _plan_ending(alert: Alert, now: datetime) -> None:
    """Whoever was told that it is there is told that it is over."""
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, ending_planned_at=None).update(ending_planned_at=now):
            return
        told = Delivery.objects.filter(alert=alert, state__in=TOLD)
        channels = list(Channel.objects.filter(pk__in=told.values("channel"), enabled=True))
        Delivery.objects.plan(alert, "cleared", channels, (alert.cleared_at or now) + ENDS)


def wants_letter(user: User, plan: NoticePlan) -> bool:
    """Whether the weekly letter comes: the person's own word, else for those who look after a place."""
    if plan.letter is not None:
        return plan.letter
    return user.is_staff or user.memberships.allowing(Right.OPERATE).exists()
