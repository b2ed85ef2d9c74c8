"""How a device becomes a camera: a code that works once, exchanged for a token that is kept as a hash."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

from accounts.models import digest
from cameras.models.camera import Camera

CODE_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # nothing that looks like something else: it is typed from a screen
CODE_GROUPS = 4
CODE_LIFE = timedelta(hours=24)


def normal_code(typed: str) -> str:
    """A code as it is hashed: capitals without the hyphens and spaces that people put in."""
    return "".join(char for char in typed.upper() if char.isalnum())


class EnrolmentCodeQuerySet(models.QuerySet["EnrolmentCode"]):
    """Codes by what can still be done with them."""

    def issue(self, camera: Camera) -> str:
        """A new code for a camera; older ones that nobody used stop working."""
        self.filter(camera=camera, used_at=None).delete()
        groups = ["".join(secrets.choice(CODE_ALPHABET) for _ in range(4)) for _ in range(CODE_GROUPS)]
        self.create(camera=camera, code_hash=digest("".join(groups)), expires_at=timezone.now() + CODE_LIFE)
        return "-".join(groups)

    def consume(self, code: str, now: datetime, attempt: str = "") -> bool:
        """Use the code up; True for exactly one caller, whose `attempt` is remembered."""
        unused = self.filter(code_hash=digest(normal_code(code)), used_at=None, expires_at__gt=now)
        return unused.update(used_at=now, attempt_hash=digest(attempt) if attempt else "") == 1


class EnrolmentCode(models.Model):
    """One code, 80 bits of chance, good for a day."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="codes")
    code_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    attempt_hash = models.CharField(max_length=64, blank=True, default="")

    objects = EnrolmentCodeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"code for {self.camera}"

    def was_used_by(self, attempt: str, now: datetime) -> bool:
        """Whether this is the device that used it, asking again since the answer never reached it.

        Not once the code is too old, nor when what it got was revoked.
        """
        if not attempt or self.used_at is None or self.expires_at <= now:
            return False
        given = self.camera.tokens.filter(revoked_at=None, created_at__gte=self.used_at)
        return secrets.compare_digest(self.attempt_hash, digest(attempt)) and given.exists()


class DeviceTokenQuerySet(models.QuerySet["DeviceToken"]):
    """Tokens by whether they still open anything."""

    def alive(self) -> DeviceTokenQuerySet:
        """Not revoked."""
        return self.filter(revoked_at=None)

    def issue(self, camera: Camera) -> str:
        """A new token; it is shown once, here."""
        secret = f"ucam-{secrets.token_urlsafe(32)}"
        self.create(camera=camera, token_hash=digest(secret))
        return secret

    def holder(self, token: str) -> DeviceToken | None:
        """The living row of a token, its camera loaded."""
        return self.alive().select_related("camera__location").filter(token_hash=digest(token)).first()

    def revoke(self, now: datetime) -> int:
        """These open nothing from now on; sockets close within seconds."""
        return self.alive().update(revoked_at=now)


class DeviceToken(models.Model):
    """What a device shows at every door."""

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="tokens")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = DeviceTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"token of {self.camera}"
