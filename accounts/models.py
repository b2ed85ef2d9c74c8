"""People, the links that let them in, and the sessions that keep them in."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from ucam_protocol import Jid, JidInvalid

from accounts.audit import AuditEntry
from accounts.passkey import Ceremony, Passkey
from accounts.secret import digest

GUEST_DOMAIN = "guest.invalid"

__all__ = ["AuditEntry", "Ceremony", "Passkey", "Session", "SignInLink", "User", "digest"]


def validate_jid_email(email: str) -> None:
    """An address that is also a JID; raises ValidationError in words."""
    try:
        Jid.of_email(email)
    except JidInvalid as error:
        raise ValidationError(str(error), code=error.code) from error


class UserManager(BaseUserManager["User"]):
    """People by their address, whatever its case."""

    def create_user(self, email: str, *, name: str = "", is_staff: bool = False, is_superuser: bool = False) -> User:
        """A new person without a password; raises ValidationError when the address is no address."""
        user = self.model(email=email.strip().lower(), name=name, is_staff=is_staff, is_superuser=is_superuser)
        user.set_unusable_password()
        user.full_clean(exclude=["password"])
        user.save()
        return user

    def create_superuser(self, email: str, **extra: Any) -> User:
        """An operator; Django's own command calls this with a password, which nobody needs here."""
        return self.create_user(email, is_staff=True, is_superuser=True, name=extra.get("name", ""))

    def create_guest(self, name: str, ends_at: datetime) -> User:
        """Somebody who comes by a guest link. Mail to .invalid goes nowhere (RFC 2606), so nobody can ask for more."""
        local = "".join(char if char.isascii() and char.isalnum() else "-" for char in name.lower()).strip("-")[:30]
        guest = self.model(
            email=f"{local or 'guest'}-{secrets.token_hex(4)}@{GUEST_DOMAIN}", name=name, is_guest=True, ends_at=ends_at
        )
        guest.set_unusable_password()
        guest.full_clean(exclude=["password"])
        guest.save()
        return guest

    def speaks(self, user: User, language: str) -> None:
        """The person's own choice from now on."""
        self.filter(pk=user.pk).update(language=language)

    def alone(self, user: User) -> User:
        """The person's row, locked until the transaction's end: who signs in and who adds a passkey come one by one."""
        return self.select_for_update().get(pk=user.pk)

    def by_email(self, email: str) -> User | None:
        """The active person with this address, or None; guests have no address."""
        return self.filter(email=email.strip().lower(), is_active=True, is_guest=False).first()


class User(AbstractBaseUser, PermissionsMixin):
    """A person; the e-mail address is the login and the bare JID."""

    email = models.EmailField("e-mail address", unique=True, validators=[validate_email, validate_jid_email])
    name = models.CharField(
        max_length=100, blank=True, help_text="How others see this person. Empty: the part before the @."
    )
    language = models.CharField(
        max_length=8, blank=True, choices=settings.LANGUAGES,
        help_text="Of messages to this person, and of pages on a new device. Empty: as their browser asks.",
    )  # fmt: skip
    is_active = models.BooleanField("may sign in", default=True)
    is_staff = models.BooleanField(
        "operator", default=False, help_text="Looks after the whole installation: sees every camera, opens the admin."
    )
    is_guest = models.BooleanField("guest", default=False, editable=False)
    ends_at = models.DateTimeField("until", null=True, editable=False)  # of a guest: after it nothing is theirs
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ["email"]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Addresses are kept in lower case, so that one person cannot be two."""
        self.email = self.email.strip().lower()

    @property
    def reads(self) -> str:
        """The language of messages to this person."""
        return self.language or settings.LANGUAGE_CODE

    @property
    def jid(self) -> Jid:
        """The bare JID."""
        return Jid.of_email(self.email)

    @property
    def shown_name(self) -> str:
        """The name that others see."""
        return self.name or self.email.partition("@")[0]


class SignInLinkQuerySet(models.QuerySet["SignInLink"]):
    """Links by what can still be done with them."""

    def consume(self, nonce: str, now: datetime) -> bool:
        """Use the link up; True for exactly one caller, however many try at once."""
        return self.filter(nonce_hash=digest(nonce), used_at=None).update(used_at=now) == 1

    def expired(self, now: datetime) -> SignInLinkQuerySet:
        """Those that are of no use to anybody any more."""
        return self.filter(created_at__lt=now - timedelta(days=1))


class SignInLink(models.Model):
    """One link in one mail. django-sesame signs it; this row makes it work once (its own one-time mode races)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    nonce_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)

    objects = SignInLinkQuerySet.as_manager()

    def __str__(self) -> str:
        return f"link of {self.created_at:%Y-%m-%d %H:%M} for {self.user}"


class SessionQuerySet(models.QuerySet["Session"]):
    """Sign-ins by whether they still hold."""

    def alive(self, now: datetime) -> SessionQuerySet:
        """Not ended, not expired, of people who may sign in."""
        until = Q(user__ends_at=None) | Q(user__ends_at__gt=now)
        return self.filter(until, ended_at=None, expires_at__gt=now, user__is_active=True)

    def begin(self, user: User, agent: str, now: datetime) -> tuple[Session, str]:
        """A new session and its first refresh token."""
        secret = secrets.token_urlsafe(32)
        session = self.create(
            user=user,
            agent=agent[:200],
            created_at=now,
            rotated_at=now,
            refresh_hash=digest(secret),
            expires_at=now + timedelta(days=settings.REFRESH_TOKEN_DAYS),
        )
        return session, f"{session.pk.hex}.{secret}"

    def end(self, now: datetime) -> int:
        """End all of these; their tokens and sockets stop working within seconds."""
        return self.filter(ended_at=None).update(ended_at=now)


class Session(models.Model):
    """One device on which a person is signed in. A refresh token that is used twice ends the session (RFC 9700)."""

    GRACE = timedelta(seconds=30)  # two tabs may race with the same token

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    agent = models.CharField("browser", max_length=200, blank=True)
    refresh_hash = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    rotated_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = "sign-in"
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["user", "ended_at"])]

    def __str__(self) -> str:
        return f"{self.user} since {self.created_at:%Y-%m-%d}"

    def rotate(self, secret: str, now: datetime) -> str | None:
        """A new refresh token for this one, or None; a token that was spent longer ago than GRACE ends the session.

        The new one follows from the old one: tabs that race with the same token all get the same new one, whichever of
        their answers comes last and is kept.
        """
        new = salted_hmac("accounts.session.rotate", secret, algorithm="sha256").hexdigest()
        expires = now + timedelta(days=settings.REFRESH_TOKEN_DAYS)
        mine = Session.objects.alive(now).filter(pk=self.pk)
        spent = digest(secret)
        changed = mine.filter(refresh_hash=spent).update(
            refresh_hash=digest(new), previous_hash=spent, rotated_at=now, expires_at=expires
        )
        raced = mine.filter(previous_hash=spent, refresh_hash=digest(new), rotated_at__gt=now - self.GRACE)
        if changed or raced.exists():
            return f"{self.pk.hex}.{new}"
        mine.filter(previous_hash=spent, rotated_at__lte=now - self.GRACE).end(now)
        return None
