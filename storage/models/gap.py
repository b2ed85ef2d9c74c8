"""What is not stored, and why: gaps and spool reports, as the cameras tell them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from cameras.models import Camera

OFF_CAUSES = frozenset({"off", "schedule", "disabled"})  # somebody's choice; every other cause is a loss


class Gap(models.Model):
    """A stretch without footage. The device names it, so that telling it twice makes one row."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="gaps")
    gap_id = models.CharField(max_length=64)
    boot = models.CharField(max_length=32, blank=True)
    cause = models.CharField(max_length=40)
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField()
    detail = models.JSONField(default=str, blank=True)
    # Its ends on the monotonic clock of that boot, as long as it lies where a clock put it that nobody had confirmed.
    from_mono_ns = models.BigIntegerField(null=True, blank=True)
    to_mono_ns = models.BigIntegerField(null=True, blank=True)
    reported_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["camera", "gap_id"], name="one_gap_per_name")]
        indexes = [models.Index(fields=["camera", "to_ms", "from_ms"], name="gap_range")]

    def __str__(self) -> str:
        return f"{self.camera_id}: {self.cause}, {self.to_ms - self.from_ms} ms"

    @property
    def state(self) -> str:
        """off or lost."""
        return "off" if self.cause in OFF_CAUSES else "lost"

    @property
    def is_to_be_placed(self) -> bool:
        """It lies where an unconfirmed clock put it."""
        return self.from_mono_ns is not None or self.to_mono_ns is not None


class SpoolReport(models.Model):
    """What a camera last told of its own disk and clock."""

    camera = models.OneToOneField(Camera, on_delete=models.CASCADE, primary_key=True, related_name="spool_report")
    unshipped = models.JSONField(default=list)  # [[from_ms, to_ms], ...]
    spool_bytes = models.BigIntegerField(null=True)
    quota_bytes = models.BigIntegerField(null=True)
    synchronised = models.BooleanField(null=True)
    offset_ms = models.FloatField(null=True)
    reported_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"spool of {self.camera_id}"
