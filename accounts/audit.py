"""The audit trail: who looked at, took away, kept or changed what. Rows are added, never changed, never deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.db import models
from django.utils import timezone
from ucam_protocol import Jid


class AuditEntryIsFinal(TypeError):
    """Somebody's code tries to change the trail."""

    def __init__(self) -> None:
        super().__init__("Rows of the audit trail are neither changed nor deleted.")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """The trail: to be read."""

    def update(self, **values: Any) -> NoReturn:
        """Refused."""
        raise AuditEntryIsFinal

    def delete(self) -> NoReturn:
        """Refused."""
        raise AuditEntryIsFinal


class AuditEntry(models.Model):
    """One thing that somebody did. The actor is a JID, not a row: the trail outlives the person's account."""

    class Action(models.TextChoices):
        """What was done."""

        SIGN_IN = "sign_in", "signed in"
        WATCH = "watch", "watched live"
        REPLAY = "replay", "watched recordings"
        STILL = "still", "looked at a still"
        EXPORT = "export", "asked for an export"
        DOWNLOAD = "download", "fetched an export"
        HOLD = "hold", "kept footage from deletion"
        RELEASE = "release", "ended a hold"
        SETTINGS = "settings", "changed settings"
        INVITE = "invite", "made a guest link"
        UNINVITE = "uninvite", "revoked a guest link"
        PASSKEY = "passkey", "passkey"

    at = models.DateTimeField(default=timezone.now, editable=False)
    actor = models.CharField("who", max_length=320, editable=False)
    action = models.CharField(max_length=12, choices=Action.choices, editable=False)
    subject = models.CharField("of what", max_length=320, editable=False)
    details = models.JSONField(default=dict, editable=False)
    slot = models.BigIntegerField(null=True, editable=False)  # number of the stretch of time that has one row at most

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "entry of the audit trail"
        verbose_name_plural = "audit trail"
        constraints = [
            models.UniqueConstraint(fields=["actor", "action", "subject", "slot"], name="one_audit_entry_per_slot")
        ]
        indexes = [models.Index(fields=["subject", "-at"], name="audit_subject")]

    def __str__(self) -> str:
        return f"{self.actor} {self.get_action_display()}: {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Once, when it is new."""
        if not self._state.adding:
            raise AuditEntryIsFinal
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise AuditEntryIsFinal


def record(actor: Jid | str, action: AuditEntry.Action, subject: Jid | str, **details: Any) -> None:
    """Write down that `actor` did `action` with `subject`; whoever cannot write it down must not let it happen."""
    AuditEntry(actor=str(actor)[:320], action=action, subject=str(subject)[:320], details=details).save()


def record_once(
    actor: Jid | str, action: AuditEntry.Action, subject: Jid | str, now: datetime, each: timedelta, **details: Any
) -> None:
    """The same for what is asked again and again: one row for each stretch of `each`."""
    slot = int(now.timestamp() // each.total_seconds())
    row = AuditEntry(
        at=now, actor=str(actor)[:320], action=action, subject=str(subject)[:320], slot=slot, details=details
    )
    if not AuditEntry.objects.filter(actor=row.actor, action=action, subject=row.subject, slot=slot).exists():
        AuditEntry.objects.bulk_create([row], ignore_conflicts=True)  # two at once: the first one's row is there


def watches(actor: Jid | str, camera: Jid | str, session: str) -> None:
    """A live session begins."""
    record(actor, AuditEntry.Action.WATCH, camera, session=session)
