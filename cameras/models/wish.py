"""What a person wants to be told of, how, and when they must not be disturbed."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import User
from cameras.models.alert import Alert
from cameras.models.channel import Channel
from cameras.models.location import Location, validate_timezone


class Wish(models.Model):
    """One person, one place; without a place: what concerns the whole installation."""

    class Heard(models.TextChoices):
        """Which alerts."""

        NONE = "none"
        CRITICAL = "critical"
        ALL = "all"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="wishes")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    heard = models.CharField(max_length=8, choices=Heard.choices, default=Heard.NONE)
    by_mail = models.BooleanField(default=True)
    by_push = models.BooleanField(default=True)
    by_service = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "location"], name="one_wish_per_place"),
            models.UniqueConstraint(fields=["user"], condition=Q(location=None), name="one_wish_for_the_rest"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.heard} of {self.location or 'the installation'}"

    @classmethod
    def of(cls, user: User, location: Location | None, *, looks_after: bool) -> Wish:
        """The person's own word, else the default: who looks after a place hears what is critical."""
        row = cls.objects.filter(user=user, location=location).first()
        heard = Wish.Heard.CRITICAL if looks_after else Wish.Heard.NONE
        return row or cls(user=user, location=location, heard=heard)

    def wants(self, level: str) -> bool:
        """Whether alerts of this level are among those."""
        return self.heard == Wish.Heard.ALL or (self.heard == Wish.Heard.CRITICAL and level == Alert.Level.CRITICAL)

    def kinds(self) -> list[str]:
        """Kinds of channels that the person wants to be reached by."""
        return [kind.value for kind in Channel.Kind if getattr(self, f"by_{kind.value}")]


class NoticePlan(models.Model):
    """One person: their time zone, quiet hours, and whether the weekly letter comes."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_plan")
    timezone = models.CharField(max_length=64, blank=True, validators=[validate_timezone])
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    critical_anyway = models.BooleanField(default=True)
    letter = models.BooleanField(null=True, blank=True)  # None: those who look after a place get it

    def __str__(self) -> str:
        return f"plan of {self.user}"

    @classmethod
    def of(cls, user: User) -> NoticePlan:
        """The person's, or one that says nothing."""
        return cls.objects.filter(user=user).first() or cls(user=user)

    def zone(self, location: Location | None = None) -> ZoneInfo:
        """The person's own, else that of a place of theirs."""
        if self.timezone:
            return ZoneInfo(self.timezone)
        place = location or Location.objects.for_user(self.user).first()
        return ZoneInfo(place.timezone if place else "UTC")

    def quiet_until(self, now: datetime, location: Location | None = None) -> datetime | None:
        """When the quiet hours end that `now` lies in, None outside of them. They may cross midnight."""
        if self.quiet_from is None or self.quiet_to is None or self.quiet_from == self.quiet_to:
            return None
        local = now.astimezone(self.zone(location))
        clock, begin, end = local.time().replace(tzinfo=None), self.quiet_from, self.quiet_to
        inside = begin <= clock < end if begin < end else clock >= begin or clock < end
        if not inside:
            return None
        day = local.date() + timedelta(days=1 if clock >= end else 0)
        return datetime.combine(day, time(end.hour, end.minute), tzinfo=local.tzinfo).astimezone(now.tzinfo)
