"""The camera's picture at the instant of an alert, small, kept with it when the footage is long gone."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils import timezone

from cameras.models.alert import Alert

TRIED_FOR = timedelta(minutes=10)  # shipping may be a little behind the alert


class AlertPicture(models.Model):
    """One JPEG; storage puts it here."""

    alert = models.OneToOneField(Alert, on_delete=models.CASCADE, primary_key=True, related_name="picture")
    jpeg = models.BinaryField(max_length=200_000)
    at = models.DateTimeField()
    kept_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"picture of {self.alert}"
