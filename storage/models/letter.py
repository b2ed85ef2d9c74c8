"""What the weekly letter needs to remember: who got which, and how full each camera's spool was on each day."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F

from cameras.models import Camera


class SpoolPeakQuerySet(models.QuerySet["SpoolPeak"]):
    """The fullest of each day."""

    def tell(self, camera: Camera, day: date, used: int, quota: int | None) -> None:
        """A camera reports how much waits on it."""
        row, made = self.get_or_create(camera=camera, day=day, defaults={"bytes": used, "quota_bytes": quota})
        if not made and row.bytes < used:
            self.filter(pk=row.pk, bytes__lt=used).update(bytes=used, quota_bytes=quota)


class SpoolPeak(models.Model):
    """One camera, one day by the calendar of its place."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="spool_peaks")
    day = models.DateField()
    bytes = models.BigIntegerField()
    quota_bytes = models.BigIntegerField(null=True)

    objects = SpoolPeakQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["camera", "day"], name="one_spool_peak_a_day")]

    def __str__(self) -> str:
        return f"{self.camera_id} on {self.day}: {self.bytes} bytes"


class LetterQuerySet(models.QuerySet["Letter"]):
    """Letters by whether they are still to be sent."""

    def claim(self, user_id: int, week: date, now: datetime) -> Letter | None:
        """This person's of this week, for exactly one caller, when it is due; None otherwise."""
        row, _ = self.get_or_create(user_id=user_id, week=week, defaults={"due_at": now})
        mine = self.filter(pk=row.pk, sent_at=None, due_at__lte=now, attempts__lt=Letter.ATTEMPTS_MAX)
        later = now + Letter.AGAIN_AFTER * (2 ** min(row.attempts, 4))
        return row if mine.update(attempts=F("attempts") + 1, due_at=later) else None


class Letter(models.Model):
    """One person, one week, named by its Monday."""

    ATTEMPTS_MAX = 6
    AGAIN_AFTER = timedelta(minutes=20)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="letters")
    week = models.DateField()
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    objects = LetterQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "week"], name="one_letter_a_week")]

    def __str__(self) -> str:
        return f"letter of {self.week} to {self.user}"

    def sent(self, now: datetime) -> None:
        """It went out."""
        Letter.objects.filter(pk=self.pk).update(sent_at=now)
