"""Passkeys of people (WebAuthn credentials), and the ceremonies by which a browser adds or uses one."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.secret import digest

if TYPE_CHECKING:
    from accounts.models import Session, SignInLink, User

CHALLENGE_BYTES = 32
EACH_MAX = 20  # of one person


class PasskeyQuerySet(models.QuerySet["Passkey"]):
    """Passkeys by whose they are."""

    def of(self, user: User) -> PasskeyQuerySet:
        """The person's own, oldest first; nobody else's door shows them."""
        return self.filter(user=user).order_by("pk")


class Passkey(models.Model):
    """One public key whose private half never leaves its device or password manager."""

    user = models.ForeignKey("accounts.User", verbose_name="of", on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=60)
    credential_id = models.CharField(max_length=1400, unique=True)  # base64url of at most 1023 bytes
    public_key = models.BinaryField()  # COSE
    sign_count = models.BigIntegerField(default=0)
    transports = models.JSONField(default=list)
    created_at = models.DateTimeField("added", default=timezone.now)
    used_at = models.DateTimeField("last used", null=True, blank=True)

    objects = PasskeyQuerySet.as_manager()

    class Meta:
        ordering = ["user", "pk"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"

    def count_on(self, sign_count: int, now: datetime) -> bool:
        """Note a use; False when the counter did not go on, as with a copied key (WebAuthn 3, 7.2, step 22).

        Keys that do not count say 0 each time. One UPDATE: of two uses at once the second is judged by the first.
        """
        mine = Passkey.objects.filter(pk=self.pk)
        going_on = mine.filter(sign_count__lt=sign_count) if sign_count else mine.filter(sign_count=0)
        return going_on.update(sign_count=sign_count, used_at=now) == 1


class CeremonyQuerySet(models.QuerySet["Ceremony"]):
    """Ceremonies by whether they are still open."""

    def begin(
        self, user: User, purpose: Ceremony.Purpose, now: datetime,
        *, link: SignInLink | None = None, session: Session | None = None, proved: bool = False,
    ) -> tuple[Ceremony, str]:  # fmt: skip
        """A new one, bound to the redeemed link or to the sign-in it belongs to, and the ticket that names it."""
        ticket = secrets.token_urlsafe(32)
        row = self.create(
            user=user, purpose=purpose, link=link, session=session, proved=proved, created_at=now,
            ticket_hash=digest(ticket), challenge=secrets.token_bytes(CHALLENGE_BYTES),
        )  # fmt: skip
        return row, ticket

    def consume(
        self, ticket: str, purpose: Ceremony.Purpose, session: Session | None, now: datetime
    ) -> Ceremony | None:
        """Use its challenge up: the row for exactly one caller, however many try at once and whatever comes of it."""
        mine = self.filter(ticket_hash=digest(ticket), purpose=purpose, session=session)
        if mine.filter(used_at=None, created_at__gt=now - Ceremony.LIFE).update(used_at=now) != 1:
            return None
        return mine.select_related("user").get()

    def expired(self, now: datetime) -> CeremonyQuerySet:
        """Those that are of no use to anybody any more."""
        return self.filter(created_at__lt=now - timedelta(days=1))


class Ceremony(models.Model):
    """One challenge for one answer of a passkey."""

    LIFE = timedelta(minutes=5)

    class Purpose(models.TextChoices):
        """What the answer is good for."""

        SIGN_IN = "sign_in"  # the second half of a redeemed link
        PROVE = "prove"  # that it is still the person, before something changes
        ADD = "add"  # a new passkey

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="ceremonies")
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    link = models.OneToOneField("accounts.SignInLink", on_delete=models.CASCADE, null=True)
    session = models.ForeignKey("accounts.Session", on_delete=models.CASCADE, null=True)
    proved = models.BooleanField(default=False)  # begun by somebody who had just used another passkey
    ticket_hash = models.CharField(max_length=64, unique=True)
    challenge = models.BinaryField()
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects = CeremonyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose="sign_in", link__isnull=False, session=None)
                | (~Q(purpose="sign_in") & Q(link=None, session__isnull=False)),
                name="a_ceremony_belongs_to_a_link_or_a_sign_in",
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.user} at {self.created_at:%Y-%m-%d %H:%M}"
