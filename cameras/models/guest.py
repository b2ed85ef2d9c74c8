"""A guest: somebody with a link, for some cameras, a range of time or live, until an end. Nothing else is theirs."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.audit import record
from accounts.models import AuditEntry, Session, User, digest
from cameras.models.membership import Right

if TYPE_CHECKING:
    from cameras.models.camera import Camera, CameraQuerySet


class GuestQuerySet(models.QuerySet["Guest"]):
    """Guests by whether their link still opens anything, and by who may look after them."""

    def alive(self, now: datetime) -> GuestQuerySet:
        """Neither revoked nor over."""
        return self.filter(revoked_at=None, ends_at__gt=now)

    def for_user(self, user: User) -> GuestQuerySet:
        """Those that a person may see and revoke: of cameras that they operate. An operator sees all."""
        if user.is_guest:
            return self.none()
        if user.is_staff:
            return self
        places = user.memberships.allowing(Right.OPERATE).values("location")
        return self.filter(cameras__location__in=places).distinct()

    def holder(self, secret: str, now: datetime) -> Guest | None:
        """The living one of a link's secret, its user loaded."""
        rows = self.alive(now).select_related("user", "made_by")
        return rows.filter(secret_hash=digest(secret), user__is_active=True).first()

    @transaction.atomic
    def invite(
        self, maker: User, name: str, cameras: list[Camera], *, live: bool, from_: datetime | None, to: datetime | None,
        ends_at: datetime, reason: str = "",
    ) -> tuple[Guest, str]:  # fmt: skip
        """A new guest and the secret of the link, which is told this once."""
        secret = secrets.token_urlsafe(32)
        guest = self.create(
            user=User.objects.create_guest(name, ends_at), made_by=maker, made_by_jid=str(maker.jid),
            secret_hash=digest(secret), live=live, from_at=from_, to_at=to, ends_at=ends_at, reason=reason,
        )  # fmt: skip
        guest.cameras.set(cameras)
        facts = {"cameras": [str(camera.jid) for camera in cameras], "live": live, "reason": reason}
        times = {"from": from_, "to": to, "until": ends_at}
        facts |= {key: at.isoformat() for key, at in times.items() if at is not None}
        record(maker.jid, AuditEntry.Action.INVITE, guest.user.jid, guest=name, **facts)
        return guest, secret


class Guest(models.Model):
    """One link. What it opens is asked of its maker's rights too, each time: it never opens more than they may."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="guest")
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="invited")
    made_by_jid = models.CharField(max_length=320)
    secret_hash = models.CharField(max_length=64, unique=True)
    cameras = models.ManyToManyField("cameras.Camera", related_name="guests")
    live = models.BooleanField(default=False)
    from_at = models.DateTimeField(null=True)  # recordings of this range; None: none
    to_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=320, blank=True)
    used_at = models.DateTimeField(null=True)  # opened last
    uses = models.PositiveIntegerField(default=0)

    objects = GuestQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(from_at=None, to_at=None) | Q(from_at__lt=F("to_at")), name="guest_range_is_whole"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user.shown_name} until {self.ends_at:%Y-%m-%d %H:%M}"

    def is_alive(self, now: datetime) -> bool:
        """Whether the link opens anything now."""
        return self.revoked_at is None and self.ends_at > now

    def allows(self, right: Right) -> bool:
        """Whether the link was made for this."""
        return {Right.WATCH: self.live, Right.REPLAY: self.from_at is not None}.get(right, False)

    def among(self, cameras: CameraQuerySet, right: Right, now: datetime) -> CameraQuerySet:
        """Those of `cameras` with which this guest may do `right`: the link says so, and its maker still may."""
        maker = self.made_by
        if maker is None or not maker.is_active or maker.is_guest or not self.is_alive(now) or not self.allows(right):
            return cameras.none()
        mine = cameras.filter(pk__in=self.cameras.order_by().values("pk"))
        return mine.may(maker, Right.OPERATE).may(maker, right)

    @transaction.atomic
    def revoke(self, user: User, now: datetime) -> bool:
        """End it: open pages close within seconds. False when somebody was first."""
        if not Guest.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=now, revoked_by=str(user.jid)):
            return False
        User.objects.filter(pk=self.user_id).update(is_active=False)
        Session.objects.filter(user=self.user_id).end(now)
        record(user.jid, AuditEntry.Action.UNINVITE, self.user.jid, guest=self.user.name)
        return True

    @transaction.atomic
    def open(self, agent: str, now: datetime) -> tuple[Session, str]:
        """Somebody opens the link: a session of this guest, written into the audit trail."""
        Guest.objects.filter(pk=self.pk).update(used_at=now, uses=F("uses") + 1)
        session, refresh = Session.objects.begin(self.user, agent, now)
        record(self.user.jid, AuditEntry.Action.SIGN_IN, self.user.jid, where="guest link", guest=self.user.name,
               made_by=self.made_by_jid, browser=agent[:200])  # fmt: skip
        return session, refresh
