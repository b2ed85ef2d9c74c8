"""Chat of the room, stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, cast

from django.db import models
from django.db.models import Exists, OuterRef, Q
from ucam_protocol import Chat

from accounts.models import User
from cameras.models.alert import instant
from cameras.models.camera import Camera
from cameras.models.location import Location


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages by who may read them."""

    def for_user(self, user: User) -> MessageQuerySet:
        """What was said to places a person belongs to, to the person, or by the person."""
        mine = Q(to_jid=str(user.jid)) | Q(from_jid=str(user.jid))
        if user.is_staff:
            return self.filter(mine | Q(to_jid="") | ~Q(to_camera=None))
        places = user.memberships.effective().values("location")
        there = Message.locations.through.objects.filter(message=OuterRef("pk"), location__in=places)
        return self.filter(mine | Q(to_jid="") & Exists(there))

    def about(self, camera: Camera, begin: datetime | None, end: datetime | None) -> MessageQuerySet:
        """What points at an instant of a camera within a range; each end may be open."""
        rows = self.filter(camera=camera).exclude(at=None)
        rows = rows if begin is None else rows.filter(at__gte=begin)
        return rows if end is None else rows.filter(at__lt=end)

    def newest(self, count: int, before: int | None = None) -> Sequence[Message]:
        """The newest `count` (before a number), oldest first."""
        rows = self.filter(pk__lt=before) if before is not None else self
        return list(rows.select_related("camera__location").order_by("-pk")[:count])[::-1]


class Message(models.Model):
    """One thing said."""

    from_jid = models.CharField(max_length=400)
    from_name = models.CharField(max_length=100, blank=True)
    to_jid = models.CharField(max_length=400, blank=True)
    to_camera = models.ForeignKey(Camera, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    locations = models.ManyToManyField(Location, related_name="+", blank=True)
    text = models.TextField(max_length=4000)
    camera = models.ForeignKey(Camera, on_delete=models.SET_NULL, null=True, blank=True, related_name="messages")
    at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=10, blank=True)  # empty: somebody said it; else what happened
    until = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=40, blank=True)
    said = models.JSONField(default=list, editable=False)  # a camera's text as sentences (ucam_sentences)

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["to_jid"]),
            models.Index(fields=["camera", "at"], name="message_of_camera"),
        ]

    def __str__(self) -> str:
        return f"{self.from_jid}: {self.text[:40]}"

    def as_chat(self) -> Chat:
        """The same as the room says it."""
        return Chat(
            id=str(self.pk),
            text=self.text,
            to=self.to_jid,
            camera=str(self.camera.jid) if self.camera else "",
            at=instant(self.at) or None,
            from_=self.from_jid,
            from_name=self.from_name,
            sent_at=instant(self.sent_at),
            kind=cast(Literal["", "gap", "export", "hold"], self.kind),
            until=instant(self.until) or None,
            cause=self.cause,
            said=self.said,
        )
