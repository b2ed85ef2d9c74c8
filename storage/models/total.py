"""Running totals, so that nobody counts rows by the million; and how far retention has come."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import models
from django.db.models import Case, F, Max, Value, When

from cameras.models import Camera


class TotalQuerySet(models.QuerySet["Total"]):
    """Totals, changed only in the transaction that changes the chunks."""

    def add(
        self, camera_id: int, *, bytes: int = 0, ms: int = 0, chunks: int = 0, moved: int = 0, day: date | None = None
    ) -> None:
        """Change the totals of a camera; negative numbers take away.

        `moved`: bytes of the second tier. `day`: these bytes arrived from the camera on that day.
        """
        change: dict[str, Any] = {"bytes": F("bytes") + bytes, "ms": F("ms") + ms, "chunks": F("chunks") + chunks}
        change |= {"moved_bytes": F("moved_bytes") + moved} if moved else {}
        if day is not None:
            arrived = Case(When(day=day, then=F("day_bytes") + bytes), default=Value(bytes))
            change |= {"day_bytes": arrived, "day": Value(day)}
        if not self.filter(camera_id=camera_id).update(**change):
            self.get_or_create(camera_id=camera_id)  # two first chunks at once: one makes the row, both add to it
            self.filter(camera_id=camera_id).update(**change)

    def arrived_on(self, camera_id: int, day: date) -> int:
        """Bytes that came from a camera on a day, if that is the last one on which any came."""
        return self.filter(camera_id=camera_id, day=day).values_list("day_bytes", flat=True).first() or 0


class Total(models.Model):
    """What is stored of one camera; a location's is the sum over its few cameras."""

    camera = models.OneToOneField(Camera, on_delete=models.CASCADE, primary_key=True, related_name="stored_total")
    bytes = models.BigIntegerField(default=0)
    ms = models.BigIntegerField(default=0)
    chunks = models.BigIntegerField(default=0)
    day = models.DateField(null=True)  # the last on which anything came, in UTC
    day_bytes = models.BigIntegerField(default=0)  # that came on that day
    moved_bytes = models.BigIntegerField(default=0)  # those of `bytes` that lie on the second tier

    objects = TotalQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.chunks} chunks of {self.camera_id}"


class DeletedUpToQuerySet(models.QuerySet["DeletedUpTo"]):
    """Marks of what retention has deleted."""

    def covers(self, camera_id: int, boot: str, seq: int) -> bool:
        """Whether the chunk of this name was deleted, or is older than one that was."""
        return self.filter(camera_id=camera_id, boot=boot, seq__gte=seq).exists()

    def raise_to(self, camera_id: int, boot: str, seq: int) -> None:
        """Chunks up to this one are gone."""
        mark, made = self.get_or_create(camera_id=camera_id, boot=boot, defaults={"seq": seq})
        if not made and mark.seq < seq:
            self.filter(pk=mark.pk, seq__lt=seq).update(seq=seq)

    def highest(self, camera_id: int, boot: str) -> int:
        """The mark of a boot, 0 when nothing of it was deleted."""
        return self.filter(camera_id=camera_id, boot=boot).aggregate(seq=Max("seq"))["seq"] or 0


class DeletedUpTo(models.Model):
    """One row a boot, not a tombstone a chunk: retention goes from the oldest on, so all before it is gone too."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="+")
    boot = models.CharField(max_length=32)
    seq = models.BigIntegerField()

    objects = DeletedUpToQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["camera", "boot"], name="one_mark_per_boot")]

    def __str__(self) -> str:
        return f"{self.boot} up to {self.seq}"
