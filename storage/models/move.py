"""The journal of moves between the tiers: names of files that may lie in two places."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Move(models.Model):
    """One name, noted durably before its second file is begun, and dropped when one file is left (moving.settle)."""

    path = models.CharField(max_length=255, unique=True)
    begun_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.path
