"""A message about an alert on its way over one channel: planned once, claimed by one worker, sent once."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from cameras.models.alert import Alert
from cameras.models.channel import Channel

LEASE = timedelta(minutes=10)  # a worker that holds one for longer is dead
OFFERED = timedelta(seconds=60)  # before it is offered to a worker again
ATTEMPTS_MAX = 6
BESIDE_MAX = 100  # in one message
KEPT = timedelta(days=90)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Deliveries by what is to be done with them."""

    def plan(self, alert: Alert, occasion: str, channels: list[Channel], due_at: datetime) -> None:
        """One for each channel; planning the same again changes nothing."""
        rows = (self.model(alert=alert, occasion=occasion, channel=channel, due_at=due_at) for channel in channels)
        self.bulk_create(rows, ignore_conflicts=True)

    def test(self, channel: Channel, now: datetime) -> Delivery:
        """A message that only says that messages arrive."""
        return self.create(channel=channel, occasion=f"test-{uuid.uuid4().hex[:12]}", due_at=now)

    def due(self, now: datetime) -> list[int]:
        """Numbers of those to be offered to a worker now, each to one caller; oldest first."""
        waiting = self.filter(state=Delivery.State.WAITING, due_at__lte=now)
        numbers = waiting.order_by("due_at").values_list("pk", flat=True)[:200]
        return [number for number in numbers if waiting.filter(pk=number).update(due_at=now + OFFERED)]

    def claim(self, number: int, now: datetime) -> Delivery | None:
        """This one, to be sent by exactly one caller."""
        mine = self.filter(pk=number, state=Delivery.State.WAITING)
        if not mine.update(state=Delivery.State.SENDING, claimed_at=now, attempts=F("attempts") + 1):
            return None
        rows = self.select_related("channel__user", "alert__camera__location", "alert__location", "alert__claimed_by")
        return rows.get(pk=number)

    def claim_beside(self, row: Delivery, raised_before: datetime, now: datetime) -> list[Delivery]:
        """What else of this kind is to be told over the same channel now: one message tells it all."""
        kind = row.occasion.partition("-")[0]
        same = self.filter(channel=row.channel, state=Delivery.State.WAITING, occasion__startswith=kind)
        due = same.filter(due_at__lte=now + OFFERED, alert__raised_at__lte=raised_before)  # offered ones wait that long
        numbers = due.order_by("pk").values_list("pk", flat=True)[:BESIDE_MAX]
        return [one for number in numbers if (one := self.claim(number, now)) is not None]

    def forgettable(self, now: datetime) -> DeliveryQuerySet:
        """What nobody asks for any more: long done, and its alert over, so that nothing is told of it again."""
        done = self.exclude(state__in=(Delivery.State.WAITING, Delivery.State.SENDING))
        over = Q(alert=None) | Q(alert__cleared_at__lt=now - KEPT)
        return done.filter(over, created_at__lt=now - KEPT)

    def orphaned(self, now: datetime) -> DeliveryQuerySet:
        """Those whose worker ended in the middle."""
        return self.filter(state=Delivery.State.SENDING, claimed_at__lt=now - LEASE)


class Delivery(models.Model):
    """One message, one channel. `occasion`: raised, worse, reminded-1 …, escalated, cleared, test-…"""

    class State(models.TextChoices):
        """waiting > sending > sent or failed; dropped: it was not needed any more."""

        WAITING = "waiting"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"
        DROPPED = "dropped"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, null=True, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    occasion = models.CharField(max_length=20)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    key = models.UUIDField(default=uuid.uuid4, editable=False)  # the same in each attempt: receivers know it again
    due_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    words = models.CharField(max_length=300, blank=True)  # why it failed, waits or was dropped
    created_at = models.DateTimeField(default=timezone.now)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["alert", "channel", "occasion"], name="one_delivery_per_occasion")
        ]
        indexes = [
            models.Index(fields=["state", "due_at"], name="delivery_due"),
            models.Index(fields=["channel", "-sent_at"], name="delivery_last"),
        ]

    def __str__(self) -> str:
        return f"{self.occasion} of {self.alert or 'a test'} over {self.channel}: {self.state}"

    @property
    def is_test(self) -> bool:
        """Whether a person asked for it to see that messages arrive."""
        return self.occasion.startswith("test-")

    def _mine(self) -> models.QuerySet[Delivery]:
        return Delivery.objects.filter(pk=self.pk, state=Delivery.State.SENDING)

    def sent(self, now: datetime) -> None:
        """It went out."""
        if self._mine().update(state=Delivery.State.SENT, sent_at=now, words=""):
            self.channel.worked(now)

    def later(self, due_at: datetime, words: str, *, counts: bool) -> None:
        """Not now; `counts`: an attempt was made."""
        attempts = F("attempts") if counts else F("attempts") - 1
        self._mine().update(state=Delivery.State.WAITING, due_at=due_at, words=words[:300], attempts=attempts)

    def drop(self, words: str) -> None:
        """Nobody needs it any more."""
        self._mine().update(state=Delivery.State.DROPPED, words=words[:300])

    def fail(self, words: str, now: datetime) -> None:
        """Given up; the channel shows it."""
        if self._mine().update(state=Delivery.State.FAILED, words=words[:300]):
            self.channel.failed(words, now)
