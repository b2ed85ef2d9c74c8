"""A camera: its name, its settings, how it was when last heard of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone
from ucam_protocol import Audio, Jid, JidInvalid, Period, Settings, Source

from accounts.models import User
from cameras.models.guest import Guest
from cameras.models.location import Location
from cameras.models.membership import Right

LOCAL = re.compile(r"^[a-z0-9][a-z0-9._-]{0,62}$")


def validate_local(local: str) -> None:
    """The part before the @ of a camera: also fit for a file name and a URL."""
    if not LOCAL.match(local):
        raise ValidationError("Small letters, digits, dots, hyphens; for example cam001.", code="local")


def validate_source(source: Any) -> None:
    """A source as ucam_protocol knows it."""
    try:
        msgspec.convert(source, Source)
    except msgspec.ValidationError as error:
        raise ValidationError(f"This source cannot be used: {error}.", code="source") from error


def validate_audio(audio: Any) -> None:
    """Sound as ucam_protocol knows it."""
    try:
        msgspec.convert(audio, Audio)
    except msgspec.ValidationError as error:
        raise ValidationError(f"This sound cannot be used: {error}.", code="audio") from error


def validate_schedule(schedule: Any) -> None:
    """A schedule as ucam_protocol knows it."""
    try:
        msgspec.convert(schedule, list[Period])
    except msgspec.ValidationError as error:
        raise ValidationError(f"This schedule cannot be used: {error}.", code="schedule") from error


def default_audio() -> dict[str, str]:
    """None."""
    return {"kind": "off"}


def default_source() -> dict[str, str]:
    """GStreamer's test picture."""
    return {"kind": "test", "pattern": "ball"}


def number(default: int, least: int, most: int, help_text: str, name: str | None = None) -> Any:
    """A column for a whole number between bounds (those of ucam_protocol.Settings, where it has the same name)."""
    kind = models.PositiveBigIntegerField if most >= 2**31 else models.PositiveIntegerField
    bounds = [MinValueValidator(least), MaxValueValidator(most)]
    return kind(name, default=default, validators=bounds, help_text=help_text)


class CameraQuerySet(models.QuerySet["Camera"]):
    """Cameras by who may do what with them: the one place where this is decided."""

    def for_user(self, user: User) -> CameraQuerySet:
        """Those a person may know of: all for an operator, else those of places with any right."""
        if user.is_guest:
            return self.may(user, Right.WATCH) | self.may(user, Right.REPLAY)
        if user.is_staff:
            return self
        return self.filter(location__in=user.memberships.effective().values("location"))

    def may(self, user: User, right: Right) -> CameraQuerySet:
        """Those with which a person may do `right`."""
        if user.is_guest:
            guest = Guest.objects.select_related("made_by").filter(user=user).first()
            return self.none() if guest is None else guest.among(self, right, timezone.now())
        if user.is_staff:
            return self
        return self.filter(location__in=user.memberships.allowing(right).values("location"))

    def by_jid(self, jid: Jid | str) -> CameraQuerySet:
        """The one with this JID, or none; text that is no JID finds none."""
        try:
            jid = Jid.parse(jid) if isinstance(jid, str) else jid
        except JidInvalid:
            return self.none()
        return self.filter(local=jid.local, location__domain=jid.domain)


def rights_of(user: User, cameras: Sequence[Camera]) -> dict[int, list[str]]:
    """What a person may do with each of these, by id; the number of queries does not grow with theirs."""
    if user.is_guest:
        mine = Camera.objects.filter(pk__in=[camera.pk for camera in cameras]).order_by()
        may = {right: set(mine.may(user, right).values_list("pk", flat=True)) for right in Right}
        return {camera.pk: [right.value for right in Right if camera.pk in may[right]] for camera in cameras}
    if user.is_staff:
        return {camera.pk: [right.value for right in Right] for camera in cameras}
    there = {row.location_id: row.may for row in user.memberships.all()}
    return {camera.pk: there.get(camera.location_id, []) for camera in cameras}


class Camera(models.Model):
    """One camera."""

    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="cameras")
    local = models.CharField(
        "name before the @",
        max_length=63,
        validators=[validate_local],
        help_text="For example cam001. With the location's domain this is the camera's JID.",
    )
    name = models.CharField(max_length=100, blank=True, help_text="As people call it. Empty: the name before the @.")
    source = models.JSONField(
        default=default_source,
        validators=[validate_source],
        help_text='For example {"kind": "auto"} or {"kind": "rtsp", "url": "rtsp://user:password@192.168.1.9/stream1"}.',
    )
    audio = models.JSONField(
        "sound",
        default=default_audio,
        validators=[validate_audio],
        help_text='{"kind": "off"}, {"kind": "alsa", "device": ""} or, of an IP camera, {"kind": "source"}.',
    )
    width = number(1280, 160, 3840, "Pixels.")
    height = number(720, 120, 2160, "Pixels.")
    fps = number(30, 1, 60, "Frames a second.", "frame rate")
    bitrate_kbit = number(2000, 100, 50_000, "Kilobits a second.", "bitrate")
    keyframe_ms = number(2000, 500, 10_000, "Milliseconds.", "keyframe distance")
    chunk_s = number(300, 10, 3600, "Seconds a file, 10 to 3600.", "chunk duration")
    spool_max_bytes = number(8 * 2**30, 16 * 2**20, 2**50, "Bytes that may wait on the camera.", "spool on the camera")
    schedule = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_schedule],
        help_text="When it records, in the time of its location; empty: always. For example "
        '[{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "20:00", "to": "07:00"}].',
    )
    uplink_kbit = models.PositiveIntegerField(
        "bandwidth for shipping",
        null=True,
        blank=True,
        validators=[MinValueValidator(64), MaxValueValidator(10_000_000)],
        help_text="Kilobits a second that recordings from the past may take. Empty: no limit.",
    )
    retention_days = number(30, 1, 3650, "Older footage is deleted.", "kept for days")
    max_bytes = models.PositiveBigIntegerField(
        "maximum space", null=True, blank=True, help_text="Bytes on storage. Empty: no limit."
    )
    connected_at = models.DateTimeField(null=True, blank=True, editable=False)
    disconnected_at = models.DateTimeField(null=True, blank=True, editable=False)
    status = models.JSONField(default=dict, blank=True, editable=False)
    status_at = models.DateTimeField(null=True, blank=True, editable=False)
    latest_at = models.DateTimeField("stored until", null=True, blank=True, editable=False)  # written by storage
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CameraQuerySet.as_manager()

    class Meta:
        ordering = ["location__domain", "local"]
        constraints = [models.UniqueConstraint(fields=["location", "local"], name="one_camera_per_jid")]

    def __str__(self) -> str:
        return f"{self.local}@{self.location.domain}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a connected camera hears of its settings once the row is there."""
        super().save(*args, **kwargs)
        from cameras.room.announce import settings_changed  # the room imports these models

        transaction.on_commit(lambda: settings_changed(self))

    def clean(self) -> None:
        """Names in small letters; the settings together must be ones that the protocol knows."""
        self.local = self.local.lower()
        if self.location_id:
            try:
                self.settings()
            except msgspec.ValidationError as error:
                raise ValidationError(f"These settings cannot be used: {error}.", code="settings") from error

    @property
    def jid(self) -> Jid:
        """The bare JID."""
        return Jid(self.local, self.location.domain)

    @property
    def shown_name(self) -> str:
        """The name that people see."""
        return self.name or self.local

    @property
    def online(self) -> bool:
        """Whether its connection to the room is up."""
        return self.connected_at is not None and self.disconnected_at is None

    def settings(self) -> Settings:
        """What the device is told; raises msgspec.ValidationError for a row that the protocol does not know."""
        fields = [field for field in Settings.__struct_fields__ if field not in ("name", "timezone")]
        values = {field: getattr(self, field) for field in fields}
        return msgspec.convert(values | {"name": self.shown_name, "timezone": self.location.timezone}, Settings)

    def rights_of(self, user: User) -> list[str]:
        """What a person may do with this camera."""
        return rights_of(user, [self])[self.pk]

    def replay_until(self, user: User) -> datetime | None:
        """The instant whose footage, and all that is younger, this person may not see; None: no limit."""
        guest = Guest.objects.filter(user=user).first() if user.is_guest else None
        return guest.to_at if guest is not None else None

    def replay_since(self, user: User, now: datetime) -> datetime | None:
        """The earliest instant whose footage this person may see, None: no limit. That they may is asked apart."""
        if user.is_guest:
            return self._guest_since(user, now)
        if user.is_staff:
            return None
        membership = user.memberships.filter(location=self.location_id).first()
        hours = membership.replay_hours if membership else None
        return None if hours is None else now - timedelta(hours=hours)

    def _guest_since(self, user: User, now: datetime) -> datetime:
        """The link's own begin, and never older than its maker may see; without a range there is nothing to see."""
        guest = Guest.objects.select_related("made_by").filter(user=user).first()
        if guest is None or guest.from_at is None or guest.made_by is None:
            return now + timedelta(days=36500)
        own = self.replay_since(guest.made_by, now)
        return guest.from_at if own is None else max(own, guest.from_at)
