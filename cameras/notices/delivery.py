"""Messages over one channel: looked at once more, sent as one, tried again later, or given up with words."""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta

from django.db.models import Max

from cameras.models import Alert, Channel, Delivery, NoticePlan
from cameras.models.delivery import ATTEMPTS_MAX
from cameras.notices import mail, outside
from cameras.notices.errors import ChannelGone, DeliveryFailed
from cameras.notices.planning import ENDS, SETTLE
from cameras.notices.words import Notice, notice
from cameras.sentences import say, together

log = logging.getLogger(__name__)

DEBOUNCE = timedelta(minutes=15)  # of one trouble that comes and goes there is one message in this time
BACKOFF_S = (30, 120, 480, 1800, 3600)
ENDED = "The server was stopped while sending; whether it arrived is not known."


def deliver(number: int, now: datetime) -> None:
    """Send this one, if it is still to be sent; never raises for what a channel does wrong."""
    row = Delivery.objects.claim(number, now)
    if row is None or not _is_due(row, now):
        return
    beside = [] if row.is_test else Delivery.objects.claim_beside(row, now - SETTLE, now)
    _try([row, *(one for one in beside if _is_due(one, now))], now)


def _is_due(row: Delivery, now: datetime) -> bool:
    """Whether it is to be sent now; what is not is dropped, or waits."""
    if words := not_wanted(row):
        row.drop(words)
        return False
    if (due_at := not_before(row, now)) is not None:
        row.later(due_at, "Waits for the end of the quiet hours, or until the trouble has settled.", counts=False)
        return False
    return True


def _try(rows: list[Delivery], now: datetime) -> None:
    """One message for all of these, which have the same channel; on failure each goes its own way."""
    channel = rows[0].channel
    try:
        send(channel, notice(rows))
    except ChannelGone as error:
        for row in rows:
            gone(row, str(error), now)
    except DeliveryFailed as error:
        for row in rows:
            again(row, error, now)
    else:
        for row in rows:
            row.sent(now)
        if channel.failing_since is not None:
            tell_failing()


def send(channel: Channel, message: Notice) -> None:
    """By the channel's own way; raises DeliveryFailed."""
    if channel.kind == Channel.Kind.MAIL:
        mail.send(channel.user, message)
    elif channel.kind == Channel.Kind.PUSH:
        outside.push(channel, message)
    else:
        outside.service(channel, message)


def not_wanted(row: Delivery) -> str:
    """Why nobody needs it any more, in words; empty: it is needed."""
    user, alert = row.channel.user, row.alert
    if not user.is_active:
        return "The person may not sign in any more."
    if row.is_test:
        return ""
    if not row.channel.enabled:
        return "This way was switched off."
    if alert is None or not Alert.objects.for_user(user).filter(pk=alert.pk).exists():
        return "The person may not know of this alert any more."
    if row.occasion == "cleared":
        again = Alert.objects.open().filter(about=alert.about).exists()
        return "It is there again." if again else ""
    if alert.cleared_at is not None and not (row.occasion == "raised" and row.attempts > 1):
        return "It was over before it was told."  # what was tried and did not go out is told all the same
    if alert.claimed_at is not None and row.occasion not in ("raised", "worse"):
        return "Somebody has it."
    return ""


def not_before(row: Delivery, now: datetime) -> datetime | None:
    """Until when it has to wait: the end of quiet hours, or of the time in which the same trouble was told already."""
    alert = row.alert
    if alert is None or row.is_test:
        return None
    plan = NoticePlan.of(row.channel.user)
    urgent = alert.level == Alert.Level.CRITICAL and row.occasion != "cleared"
    if not (urgent and plan.critical_anyway) and (until := plan.quiet_until(now, alert.location)):
        return until
    settled = _settled_at(row, alert)
    return settled if settled is not None and settled > now else None


def _settled_at(row: Delivery, alert: Alert) -> datetime | None:
    """When a trouble that comes and goes was told long enough ago, or has stayed away long enough."""
    if row.occasion == "raised":
        same = Delivery.objects.filter(channel=row.channel, alert__about=alert.about, state=Delivery.State.SENT)
        last = same.filter(occasion="raised").aggregate(at=Max("sent_at"))["at"]
        return last + DEBOUNCE if last else None
    if row.occasion == "cleared":
        over = Alert.objects.filter(about=alert.about).aggregate(at=Max("cleared_at"))["at"]
        return over + ENDS if over else None
    return None


def again(row: Delivery, error: DeliveryFailed, now: datetime) -> None:
    """Later, each time after a longer while; or given up, and shown to whoever looks after the installation."""
    if error.permanent or row.attempts >= ATTEMPTS_MAX or row.is_test:
        row.fail(str(error), now)
        tell_failing()
        return
    wait_s = BACKOFF_S[min(row.attempts, len(BACKOFF_S)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
    row.later(now + timedelta(seconds=wait_s), str(error), counts=True)


def gone(row: Delivery, words: str, now: datetime) -> None:
    """A browser that takes no messages any more is forgotten when the person is reached by another way too."""
    others = Delivery.objects.filter(alert=row.alert, occasion=row.occasion).exclude(channel=row.channel)
    if row.alert is not None and others.filter(channel__user=row.channel.user).exists():
        row.channel.delete()
        return
    row.fail(words, now)
    tell_failing()


def take_up_orphans(now: datetime) -> None:
    """Of a worker that died while sending. Mail and push carry a mark by which the receiver knows a second copy."""
    for row in Delivery.objects.orphaned(now).select_related("channel"):
        if row.channel.kind == Channel.Kind.SERVICE or row.attempts >= ATTEMPTS_MAX:  # or it is what ends them
            row.fail(ENDED, now)
            tell_failing()
        else:
            row.later(now, ENDED, counts=True)


def tell_failing() -> None:
    """One alert names the ways by which messages do not arrive; it is over when all work or are taken away."""
    failing = list(Channel.objects.failing().select_related("user")[:50])
    if not failing:
        Alert.objects.clear("notice_failed")
        return
    named = "; ".join(f"{channel}: {channel.failure}" for channel in failing[:5])
    more = f" And {len(failing) - 5} more." if len(failing) > 5 else ""
    Alert.objects.raise_(
        "notice_failed",
        Alert.Level.WARNING,
        say("Messages about alerts do not arrive"),
        together(
            f"{named}{more}",
            say(
                "Alerts are still shown here and in the room. Mend the way or take it away under Notifications; "
                "'Send a test' shows whether it works again."
            ),
        ),
    )
