"""What is wrong with cameras, told as alerts: not connected, a part that does not work, pictures dropped."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import F
from django.utils import timezone
from ucam_protocol import Status

from cameras.ailments import KINDS, ailments
from cameras.models import Alert, Camera, DeviceToken
from cameras.room import presence
from cameras.room.roster import Member
from cameras.room.welcome import last_status
from cameras.sentences import say, together

log = logging.getLogger(__name__)

OFFLINE_AFTER = timedelta(seconds=30)
LASTS = timedelta(seconds=8)
SETTLED = timedelta(seconds=60)  # without dropped pictures, until that alert is over
DROPPED_MIN = 5  # frames between two looks
REMEMBERED_S = 24 * 3600
OWN_WORD = (*KINDS, "frames_dropped")  # what only the camera's own status raises and clears


def check(everyone: list[Member], now: datetime | None = None) -> None:
    """Bring the rows and the alerts of all cameras in line with who is in the room."""
    now = now or timezone.now()
    correct_presence({member.subject: member.since for member in everyone if member.kind == "camera"}, now)
    enrolled = set(DeviceToken.objects.alive().values_list("camera", flat=True))
    for camera in Camera.objects.select_related("location"):
        _check_connection(camera, camera.pk in enrolled, now)
        if camera.online and (status := last_status(camera)) is not None:
            _check_parts(camera, status, now)
            _check_frames(camera, status, now)
        elif camera.pk not in enrolled:
            _forget(camera)


def correct_presence(present: dict[int, str], now: datetime) -> None:
    """A process that died had no time to write that its cameras left; what the roster says holds."""
    connected = Camera.objects.filter(connected_at__lt=now - timedelta(seconds=5), disconnected_at=None)
    for camera in connected.exclude(pk__in=present):
        if Camera.objects.filter(pk=camera.pk, connected_at=camera.connected_at, disconnected_at=None).update(
            disconnected_at=now
        ):
            log.warning("%s was taken for connected and is not in the room.", camera)
    for pk in Camera.objects.filter(pk__in=present, disconnected_at__gte=F("connected_at")).values_list(
        "pk", flat=True
    ):
        presence.connected(pk, present[pk])


def _check_connection(camera: Camera, enrolled: bool, now: datetime) -> None:
    if camera.online or not enrolled:
        Alert.objects.clear("camera_offline", camera=camera)
        return
    since = camera.disconnected_at or _enrolled_at(camera)
    if now - since <= OFFLINE_AFTER:
        return
    if camera.disconnected_at:
        what = say("It has not been connected since {since}.", since=since)
    else:
        what = say("It was enrolled, but has never been connected since {since}.", since=since)
    safe = say(
        "What storage has is safe; while it has power it goes on recording by itself and ships the rest later. "
        "Check its power and its network."
    )
    Alert.objects.raise_(
        "camera_offline",
        Alert.Level.CRITICAL,
        say("{name} is not connected", name=camera.shown_name),
        together(what, safe),
        camera=camera,
    )


def _forget(camera: Camera) -> None:
    """Taken out of service: what it said last is nobody's trouble any more, and nothing would ever clear it."""
    for kind in Alert.objects.open().filter(camera=camera, kind__in=OWN_WORD).values_list("kind", flat=True):
        Alert.objects.clear(kind, camera=camera)


def _enrolled_at(camera: Camera) -> datetime:
    return DeviceToken.objects.alive().filter(camera=camera).order_by("created_at")[0].created_at


def _check_parts(camera: Camera, status: Status, now: datetime) -> None:
    """Raise what lasts, clear what is over; a part that is started again within a moment is no news."""
    found = {one.kind: one for one in ailments(status, camera.shown_name)}
    for kind in KINDS:
        key, one = f"trouble:{kind}:{camera.pk}", found.get(kind)
        if one is None:
            cache.delete(key)
            Alert.objects.clear(kind, camera=camera)
            continue
        cache.add(key, now, REMEMBERED_S)
        if now - cache.get(key, now) >= LASTS:
            Alert.objects.raise_(kind, one.level, one.title, one.text, camera=camera)


def _check_frames(camera: Camera, status: Status, now: datetime) -> None:
    """Frames dropped before the encoder since the last look; the count begins anew with each start of the recorder."""
    key = f"dropped:{camera.pk}"
    before, grew_at = cache.get(key, (status.frames_dropped, None))
    lost = status.frames_dropped - (before if status.frames_dropped >= before else 0)
    if lost >= DROPPED_MIN:
        grew_at = now
        Alert.objects.raise_(
            "frames_dropped",
            Alert.Level.WARNING,
            say("{name} loses pictures", name=camera.shown_name),
            say(
                "The processor of {camera} cannot keep up, so single pictures are missing from the recording. "
                "Lower its frame rate or picture size, or see what else runs on it.",
                camera=camera,
            ),
            camera=camera,
        )
    elif grew_at is None or now - grew_at > SETTLED:
        Alert.objects.clear("frames_dropped", camera=camera)
    cache.set(key, (status.frames_dropped, grew_at), REMEMBERED_S)
