"""This installation: the id that its disk must carry, and when retention last ran."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.core.validators import MinValueValidator
from django.db import models


class InstallationQuerySet(models.QuerySet["Installation"]):
    """There is one row."""

    def this(self) -> Installation:
        """The row, made when it is not there yet."""
        return self.get_or_create(pk=1)[0]

    def lock_deletion(self) -> None:
        """Until the transaction ends, no other one marks chunks for deletion or places a hold.

        SQLite's transactions are IMMEDIATE: one writer at a time, FOR UPDATE is nothing there.
        """
        self.this()
        self.select_for_update().get(pk=1)


class Installation(models.Model):
    """One row. `marked_at`: when the disk got its marker; from then on a disk without it is the wrong one.

    `second_marked_at`: the same of the second tier.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    marked_at = models.DateTimeField(null=True, editable=False)
    retention_at = models.DateTimeField(null=True, editable=False)
    retention_days = models.PositiveIntegerField(
        "footage is kept for days", null=True, blank=True, validators=[MinValueValidator(1)],
        help_text="Of all cameras. A camera or location may ask for less, not for more. Empty: they decide.",
    )  # fmt: skip

    second_marked_at = models.DateTimeField(null=True, editable=False)
    move_after_days = models.PositiveIntegerField(
        "footage moves to the second storage after days", null=True, blank=True, validators=[MinValueValidator(1)],
        help_text="Of all cameras, once UCAM_SECOND_TIER names a second storage; sooner when the first disk gets full. "
        "Empty: footage stays where it is.",
    )  # fmt: skip

    objects = InstallationQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.uuid)

    def retention_stamped(self, now: datetime) -> None:
        """A retention pass came to its end."""
        Installation.objects.filter(pk=self.pk).update(retention_at=now)
