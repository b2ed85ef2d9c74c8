"""A place with cameras; its name is the domain of their JIDs."""

from __future__ import annotations

import zoneinfo
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from ucam_protocol import Jid, JidInvalid

from accounts.models import User


def validate_domain(domain: str) -> None:
    """The domain part of a JID; raises ValidationError in words."""
    try:
        Jid.parse(f"camera@{domain}")
    except JidInvalid as error:
        raise ValidationError(str(error), code=error.code) from error


def validate_timezone(name: str) -> None:
    """A name of the time zone database."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name!r} is no time zone. It looks like Europe/Berlin.", code="timezone")


class LocationQuerySet(models.QuerySet["Location"]):
    """Places by who may see them."""

    def for_user(self, user: User) -> LocationQuerySet:
        """All for an operator, else those where the person has any right."""
        if user.is_staff and not user.is_guest:
            return self
        return self.filter(pk__in=user.memberships.effective().values("location"))


class Location(models.Model):
    """A shop, a studio, a workshop."""

    domain = models.CharField(
        max_length=200, unique=True, validators=[validate_domain],
        help_text="Stands behind the @ in the names of its cameras, for example studio.loc.",
    )  # fmt: skip
    name = models.CharField(max_length=100, blank=True, help_text="As people call it. Empty: the domain.")
    timezone = models.CharField(max_length=64, default="UTC", validators=[validate_timezone])
    retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="Oldest footage kept, for every camera here. Empty: each camera's own."
    )
    max_bytes = models.PositiveBigIntegerField(
        "maximum space", null=True, blank=True, help_text="Bytes for all cameras here together. Empty: no limit."
    )
    escalate_after_min = models.PositiveIntegerField(
        "unclaimed alerts go to all operators after", null=True, blank=True,
        help_text="Minutes. Empty: as the installation has it (UCAM_ESCALATE_AFTER_MIN).",
    )  # fmt: skip

    objects = LocationQuerySet.as_manager()

    class Meta:
        ordering = ["domain"]

    def __str__(self) -> str:
        return self.domain

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; connected cameras hear of it once the row is there: their schedule goes by the place's time zone."""
        super().save(*args, **kwargs)
        from cameras.room.announce import settings_changed  # the room imports these models

        for camera in self.cameras.select_related("location"):
            transaction.on_commit(partial(settings_changed, camera))

    def clean(self) -> None:
        """Domains are kept as JIDs compare them."""
        try:
            self.domain = Jid.parse(f"camera@{self.domain}").domain
        except JidInvalid as error:
            raise ValidationError({"domain": str(error)}) from error

    @property
    def shown_name(self) -> str:
        """The name that people see."""
        return self.name or self.domain
