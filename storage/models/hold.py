"""A hold: a range of one camera that nothing deletes, by whom, why, until when."""

from __future__ import annotations

from datetime import datetime

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.audit import record
from accounts.models import AuditEntry, User
from cameras.models import Camera, Right
from storage.models.installation import Installation

NEAR_MS = 60_000  # chunks of one recording, placed anew one after the other, become one range


class HoldQuerySet(models.QuerySet["Hold"]):
    """Holds by whether they still hold."""

    def active(self, now: datetime) -> HoldQuerySet:
        """Neither released nor run out."""
        return self.filter(released_at=None, until__gt=now)

    def for_user(self, user: User) -> HoldQuerySet:
        """Those of cameras whose footage the person may hold or see."""
        if user.is_staff:
            return self
        if user.is_guest:
            return self.none()
        cameras = Camera.objects.may(user, Right.HOLD) | Camera.objects.may(user, Right.REPLAY)
        return self.filter(camera__in=cameras.order_by().values("pk"))

    def overlapping(self, from_ms: int, to_ms: int) -> HoldQuerySet:
        """Those that reach into a range."""
        return self.filter(from_ms__lt=to_ms, to_ms__gt=from_ms)

    def place(self, camera: Camera, from_ms: int, to_ms: int, owner: User, reason: str, until: datetime) -> Hold:
        """A new hold. What is stored of its range when this returns stays.

        Deletion marks its chunks under the same lock: it sees this hold, or this hold's counts see its marks.
        """
        with transaction.atomic():
            Installation.objects.lock_deletion()
            hold = self.create(
                camera=camera, from_ms=from_ms, to_ms=to_ms, owner=str(owner.jid), reason=reason, until=until
            )
            record(owner.jid, AuditEntry.Action.HOLD, camera.jid, hold=hold.pk, reason=reason, from_ms=from_ms,
                   to_ms=to_ms, until=until.isoformat())  # fmt: skip
        return hold

    def follow(self, camera: Camera, old: tuple[int, int], new: tuple[int, int], now: datetime) -> None:
        """Footage of a camera goes from one range to another: whoever holds it there holds it here.

        Call it in the transaction that moves the footage, with deletion locked.
        """
        for hold in self.active(now).filter(camera=camera).overlapping(*old):
            first = hold.follows or hold
            if hold.from_ms < new[1] and new[0] < hold.to_ms:
                continue
            same = self.active(now).filter(follows=first).overlapping(new[0] - NEAR_MS, new[1] + NEAR_MS).first()
            if same is not None:
                begin, end = min(same.from_ms, new[0]), max(same.to_ms, new[1])
                self.filter(pk=same.pk).update(from_ms=begin, to_ms=end)
                continue
            told = {"owner": first.owner, "reason": first.reason, "until": first.until}
            self.create(camera=camera, from_ms=new[0], to_ms=new[1], follows=first, **told)


class Hold(models.Model):
    """One hold. It ends by itself at `until`, or when somebody releases it; the row stays.

    `follows`: footage that this other hold kept was placed anew, outside of its range; it is kept as long as that.
    """

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="holds")
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField()
    owner = models.CharField(max_length=320)  # JID: a hold outlives the account of who placed it
    reason = models.CharField(max_length=500)
    until = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.CharField(max_length=320, blank=True)
    follows = models.ForeignKey("self", on_delete=models.CASCADE, null=True, editable=False, related_name="followers")

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(condition=Q(from_ms__lt=F("to_ms")), name="hold_has_a_range")]
        indexes = [models.Index(fields=["camera", "from_ms", "to_ms"], condition=Q(released_at=None), name="hold_open")]

    def __str__(self) -> str:
        return f"{self.camera}: {self.reason}"

    def is_active(self, now: datetime) -> bool:
        """Whether it keeps footage now."""
        return self.released_at is None and self.until > now

    @transaction.atomic
    def release(self, user: User, now: datetime) -> bool:
        """End it; False when somebody was first."""
        mine = Hold.objects.filter(pk=self.pk, released_at=None)
        if not mine.update(released_at=now, released_by=str(user.jid)):
            return False
        Hold.objects.filter(follows=self, released_at=None).update(released_at=now, released_by=str(user.jid))
        record(user.jid, AuditEntry.Action.RELEASE, self.camera.jid, hold=self.pk, owner=self.owner, reason=self.reason)
        return True
