"""An export: footage as a file for elsewhere, from the wish to the end of its life."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from accounts.audit import record
from accounts.models import AuditEntry, User
from cameras.models import Camera, Right
from storage.models.installation import Installation

KEPT = timedelta(days=1)
ATTEMPTS_MAX = 3
UNFINISHED = ("waiting", "running")


class ExportQuerySet(models.QuerySet["Export"]):
    """Exports by state."""

    def for_user(self, user: User) -> ExportQuerySet:
        """One's own; all for an operator."""
        return self if user.is_staff else self.filter(user=user)

    def unfinished(self) -> ExportQuerySet:
        """Those whose footage must stay until they have it."""
        return self.filter(state__in=UNFINISHED)

    def ask(self, user: User, cameras: list[Camera], **wish: Any) -> Export:
        """A new wish. What is stored of its range when this returns is not deleted before it is done (see Hold)."""
        with transaction.atomic():
            Installation.objects.lock_deletion()
            export = self.create(user=user, owner=str(user.jid), **wish)
            export.cameras.set(cameras)
            told = {key: wish[key] for key in ("from_ms", "to_ms", "exact", "reason")}
            for camera in cameras:
                record(user.jid, AuditEntry.Action.EXPORT, camera.jid, export=str(export.pk), **told)
        return export

    def claim(self, now: datetime) -> Export | None:
        """The oldest that waits, running from now on; None when there is none."""
        for number in self.filter(state=Export.State.WAITING).order_by("created_at").values_list("pk", flat=True):
            mine = self.filter(pk=number, state=Export.State.WAITING)
            if mine.update(state=Export.State.RUNNING, started_at=now, attempts=F("attempts") + 1):
                return self.get(pk=number)
        return None

    def resume_orphans(self) -> None:
        """Call it where no export can be running: those that are said to have lost their worker, and begin again."""
        lost = self.filter(state=Export.State.RUNNING)
        lost.filter(attempts__gte=ATTEMPTS_MAX).update(
            state=Export.State.FAILED, message="It was begun several times and never came to its end. Ask for less."
        )
        lost.filter(attempts__lt=ATTEMPTS_MAX).update(
            state=Export.State.WAITING, progress=0, message="The server was restarted; this begins again."
        )

    def expire(self, now: datetime) -> None:
        """Those whose day is over."""
        old = self.filter(state=Export.State.DONE, expires_at__lte=now)
        old.update(state=Export.State.EXPIRED, message="Its file was deleted; ask for it again if you need it.")


class Export(models.Model):
    """One wish of one person."""

    class State(models.TextChoices):
        """waiting > running > done > expired; or failed; or cancelled."""

        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exports")
    owner = models.CharField(max_length=320)
    cameras = models.ManyToManyField(Camera, related_name="exports")
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField()
    exact = models.BooleanField(default=False)
    archive = models.BooleanField(default=False)  # a zip even when one MP4 would do
    reason = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    progress = models.FloatField(default=0)
    message = models.CharField(max_length=300, default="Waits for its turn.")
    attempts = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=200, blank=True)  # of the file, as people get it
    bytes = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["state", "created_at"], name="export_state")]

    def __str__(self) -> str:
        return f"export {self.pk} of {self.owner}"

    @property
    def file(self) -> Path:
        """Where the finished file lies."""
        return Path(settings.UCAM_EXPORTS) / f"{self.pk}{Path(self.name).suffix}"

    def progressed(self, progress: float, message: str) -> bool:
        """Tell how far it is; False when it was cancelled."""
        mine = Export.objects.filter(pk=self.pk, state=Export.State.RUNNING)
        return bool(mine.update(progress=min(progress, 1), message=message[:300]))

    def finish(self, name: str, size: int, sha256: str, message: str, now: datetime) -> bool:
        """It is done; False when it was cancelled."""
        mine = Export.objects.filter(pk=self.pk, state=Export.State.RUNNING)
        return bool(mine.update(
            state=Export.State.DONE, progress=1, message=message[:300], name=name, bytes=size, sha256=sha256,
            finished_at=now, expires_at=now + KEPT,
        ))  # fmt: skip

    def fail(self, message: str, now: datetime) -> None:
        """It cannot be made, and why."""
        Export.objects.filter(pk=self.pk, state=Export.State.RUNNING).update(
            state=Export.State.FAILED, message=message[:300], finished_at=now
        )

    def cancel(self, now: datetime) -> bool:
        """Stop it, or delete its file; False when there is nothing left to stop."""
        mine = Export.objects.filter(pk=self.pk)
        stopped = mine.filter(state__in=UNFINISHED).update(
            state=Export.State.CANCELLED, message="Cancelled.", finished_at=now
        )
        deleted = not stopped and mine.filter(state=Export.State.DONE).update(
            state=Export.State.EXPIRED, message="Its file was deleted.", expires_at=now
        )
        return bool(stopped or deleted)

    def is_allowed(self) -> bool:
        """Whether the person still may have it."""
        if not self.user.is_active:
            return False
        wanted = self.cameras.count()
        return Camera.objects.may(self.user, Right.EXPORT).filter(exports=self.pk).count() == wanted
