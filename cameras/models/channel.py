"""The ways to reach a person: mail, a browser's push, a service that an operator set up."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User, digest


class ChannelQuerySet(models.QuerySet["Channel"]):
    """Channels by whom they reach and whether they work."""

    def mail_of(self, user: User) -> Channel:
        """The one to the person's own address, made when it is not there yet."""
        return self.get_or_create(user=user, kind=Channel.Kind.MAIL, about="")[0]

    def add_push(self, user: User, subscription: dict[str, Any], name: str) -> Channel:
        """A browser's subscription; one that is known already stays one, and belongs to who signed in there last."""
        values = {"user": user, "secret": subscription, "name": name[:100], "enabled": True, "failing_since": None}
        about = digest(subscription["endpoint"])
        return self.update_or_create(kind=Channel.Kind.PUSH, about=about, defaults=values | {"failure": ""})[0]

    def add_service(self, user: User, url: str, name: str, made_by: User) -> Channel:
        """A service of apprise for a person, by its secret URL."""
        return self.update_or_create(
            user=user, kind=Channel.Kind.SERVICE, about=digest(url),
            defaults={"secret": {"url": url}, "name": name[:100], "made_by": str(made_by.jid), "enabled": True},
        )[0]  # fmt: skip

    def failing(self) -> ChannelQuerySet:
        """Those over which messages do not arrive, of people who may sign in."""
        return self.filter(enabled=True, user__is_active=True).exclude(failing_since=None)


class Channel(models.Model):
    """One way. `about` tells two of the same kind apart without showing the secret."""

    class Kind(models.TextChoices):
        """How a message travels."""

        MAIL = "mail", "e-mail"
        PUSH = "push", "this or another browser"
        SERVICE = "service", "service"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    about = models.CharField(max_length=64, blank=True, editable=False)
    name = models.CharField(max_length=100, blank=True)
    secret = models.JSONField(default=dict, editable=False)  # push: the subscription; service: {"url"}; never shown
    made_by = models.CharField(max_length=320, blank=True, editable=False)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField("last message", null=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    failure = models.CharField(max_length=300, blank=True, editable=False)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        ordering = ["user", "kind", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "kind", "about"], name="one_channel_per_way"),
            models.UniqueConstraint(fields=["about"], condition=Q(kind="push"), name="one_channel_per_browser"),
        ]

    def __str__(self) -> str:
        return f"{self.shown_name} of {self.user}"

    @property
    def shown_name(self) -> str:
        """What people see of it; of a URL never more than scheme and host."""
        if self.kind == Channel.Kind.MAIL:
            return f"mail to {self.user.email}"
        return self.name or ("a browser" if self.kind == Channel.Kind.PUSH else self.target)

    @property
    def target(self) -> str:
        """Where it goes, as far as it may be shown: the host of a push service, the kind of another one."""
        if self.kind == Channel.Kind.PUSH:
            return urlsplit(self.secret.get("endpoint", "")).hostname or ""
        if self.kind == Channel.Kind.SERVICE:
            return f"{urlsplit(self.secret.get('url', '')).scheme}://…"
        return self.user.email

    def worked(self, now: datetime) -> None:
        """A message went out."""
        Channel.objects.filter(pk=self.pk).update(sent_at=now, failing_since=None, failure="")

    def failed(self, words: str, now: datetime) -> None:
        """A message was given up."""
        Channel.objects.filter(pk=self.pk, failing_since=None).update(failing_since=now)
        Channel.objects.filter(pk=self.pk).update(failure=words[:300])
