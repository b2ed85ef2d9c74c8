"""What a person should know: raised, perhaps claimed, cleared. One open row for each kind and subject."""

from __future__ import annotations

from datetime import datetime, tzinfo

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone
from ucam_protocol import AlertNotice

from accounts.models import User
from cameras.models.camera import Camera
from cameras.models.location import Location
from cameras.sentences import in_words, sentences_of


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts by subject and by who may see them."""

    def for_user(self, user: User) -> AlertQuerySet:
        """Those about places of the person; those about the whole installation for operators."""
        if user.is_staff:
            return self
        return self.filter(location__in=user.memberships.effective().values("location"))

    def open(self) -> AlertQuerySet:
        """Not cleared yet."""
        return self.filter(cleared_at=None)

    def left_alone(self) -> AlertQuerySet:
        """Those that somebody took who has no account here any more, or may not sign in."""
        gone = Q(claimed_by=None) | Q(claimed_by__is_active=False)
        return self.open().exclude(claimed_at=None).filter(gone)

    def raise_(
        self,
        kind: str,
        level: str,
        title: str,
        text: str = "",
        *,
        camera: Camera | None = None,
        location: Location | None = None,
    ) -> Alert:
        """The open alert of this kind about this subject, made now if there was none, its words brought up to date."""
        location = camera.location if camera else location
        about = Alert.subject(kind, camera, location)
        words = {"level": level, "title": title, "text": text}
        known = {"title_said": sentences_of(title), "text_said": sentences_of(text)}
        if level == Alert.Level.CRITICAL:  # it got worse: who is to be told is settled anew
            milder = self.open().filter(about=about, level=Alert.Level.WARNING)
            milder.update(planned_at=None, worse_at=timezone.now())
        changed = self.open().filter(about=about).exclude(**words).update(**words, **known)
        alert = self.open().filter(about=about).first()
        if alert is None:
            try:
                with transaction.atomic():
                    alert = self.create(kind=kind, about=about, camera=camera, location=location, **words, **known)
            except IntegrityError:  # somebody else was first; theirs says the same
                return self.open().get(about=about)
            changed = 1
        if changed:
            alert.announce()
        return alert

    def clear(self, kind: str, *, camera: Camera | None = None, location: Location | None = None) -> bool:
        """The trouble is over; True when there was an open alert."""
        about = Alert.subject(kind, camera, camera.location if camera else location)
        alert = self.open().filter(about=about).first()
        if alert is None or not self.open().filter(pk=alert.pk).update(cleared_at=timezone.now()):
            return False
        alert.refresh_from_db()
        alert.announce()
        return True


class Alert(models.Model):
    """One trouble from its beginning to its end."""

    class Level(models.TextChoices):
        """How bad."""

        WARNING = "warning"
        CRITICAL = "critical"

    kind = models.CharField(max_length=40)
    about = models.CharField(max_length=120, editable=False)
    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts")
    level = models.CharField(max_length=10, choices=Level.choices)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    title_said = models.JSONField(default=list, editable=False)  # the same as sentences, for readers of other languages
    text_said = models.JSONField(default=list, editable=False)
    raised_at = models.DateTimeField(default=timezone.now)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    cleared_at = models.DateTimeField(null=True, blank=True)
    planned_at = models.DateTimeField(null=True, editable=False)  # who is to be told was settled
    worse_at = models.DateTimeField(null=True, editable=False)  # a warning became critical
    reminded_at = models.DateTimeField(null=True, editable=False)
    reminders = models.PositiveIntegerField(default=0, editable=False)
    escalated_at = models.DateTimeField(null=True, editable=False)
    ending_planned_at = models.DateTimeField(null=True, editable=False)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["about"], condition=Q(cleared_at=None), name="one_open_alert_per_subject")
        ]
        indexes = [models.Index(fields=["location", "-id"])]

    def __str__(self) -> str:
        return self.title

    @staticmethod
    def subject(kind: str, camera: Camera | None, location: Location | None) -> str:
        """The key under which there is at most one open alert."""
        whom = f"camera {camera.pk}" if camera else f"location {location.pk}" if location else "installation"
        return f"{kind} {whom}"

    @property
    def state(self) -> str:
        """raised, claimed or cleared."""
        return "cleared" if self.cleared_at else "claimed" if self.claimed_at else "raised"

    @property
    def picture_at(self) -> datetime | None:
        """Instant of the camera's picture that is kept with it."""
        picture = getattr(self, "picture", None)
        return picture.at if picture is not None else None

    def claim(self, user: User) -> bool:
        """This person has it; False when somebody was first or it is over."""
        rows = Alert.objects.open().filter(pk=self.pk, claimed_at=None)
        if not rows.update(claimed_by=user, claimed_at=timezone.now()):
            return False
        self.refresh_from_db()
        self.announce()
        return True

    def let_go(self) -> None:
        """Nobody has it after all: others are reminded again."""
        mine = Alert.objects.open().filter(pk=self.pk, claimed_at=self.claimed_at)
        if mine.update(claimed_by=None, claimed_at=None):
            self.refresh_from_db()
            self.announce()

    def announce(self) -> None:
        """Tell the room, once the row is there."""
        from cameras.room.announce import alert_changed  # the room imports these models

        transaction.on_commit(lambda: alert_changed(self))

    def words(self, zone: tzinfo | None = None) -> tuple[str, str]:
        """Title and text in the language that is active now; instants in this zone, else as RFC 3339."""
        return in_words(self.title_said, zone) or self.title, in_words(self.text_said, zone) or self.text

    def notice(self) -> AlertNotice:
        """The same as the room says it, in the language that is active now."""
        title, text = self.words()
        return AlertNotice(
            id=self.pk, kind=self.kind, level=self.level, state=self.state, title=title, text=text,  # type: ignore[arg-type]
            camera=str(self.camera.jid) if self.camera else "", location=self.location.domain if self.location else "",
            raised_at=instant(self.raised_at), claimed_by=str(self.claimed_by.jid) if self.claimed_by else "",
            claimed_at=instant(self.claimed_at), cleared_at=instant(self.cleared_at),
            reminded_at=instant(self.reminded_at), escalated_at=instant(self.escalated_at),
            picture_at=instant(self.picture_at),
        )  # fmt: skip


def instant(at: datetime | None) -> str:
    """RFC 3339 in UTC with milliseconds, empty for None."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else ""
