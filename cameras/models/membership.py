"""What a person may do at a location. Nothing, unless a row says so."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from cameras.models.location import Location


class Right(models.TextChoices):
    """The rights of a membership."""

    WATCH = "watch", "watch live"
    REPLAY = "replay", "watch recordings"
    EXPORT = "export", "take footage away"
    HOLD = "hold", "keep footage from deletion"
    OPERATE = "operate", "change settings, enrol cameras"


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Memberships by what they allow. A guest has none, whatever a row says: what is theirs stands on their link."""

    def effective(self) -> MembershipQuerySet:
        """Those that allow anything at all."""
        allowed = Q()
        for right in Right:
            allowed |= Q(**{f"may_{right}": True})
        return self.filter(allowed, user__is_guest=False)

    def allowing(self, right: Right) -> MembershipQuerySet:
        """Those that allow `right`."""
        return self.filter(**{f"may_{right}": True}, user__is_guest=False)


class Membership(models.Model):
    """One person at one location."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="memberships")
    may_watch = models.BooleanField("live", default=False)
    may_replay = models.BooleanField("recordings", default=False)
    replay_hours = models.PositiveIntegerField(
        "only the last hours", null=True, blank=True, help_text="Empty: all recordings."
    )
    may_export = models.BooleanField("export", default=False)
    may_hold = models.BooleanField("hold", default=False)
    may_operate = models.BooleanField("operate", default=False)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "location"], name="one_membership_per_place")]
        verbose_name = "right at a location"
        verbose_name_plural = "rights at locations"

    def __str__(self) -> str:
        return f"{self.user} at {self.location}: {', '.join(self.may) or 'nothing'}"

    @property
    def may(self) -> list[str]:
        """The rights, by name."""
        return [right.value for right in Right if getattr(self, f"may_{right}")]
