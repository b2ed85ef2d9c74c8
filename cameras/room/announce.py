"""What other parts tell the room, from synchronous code. A save goes on without the room."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from django.conf import settings
from django.utils.translation import override
from redis import Redis
from ucam_protocol import Alert as AlertMessage
from ucam_protocol import Message, SettingsChanged

from cameras.room.audience import Audience
from cameras.room.line import ALL, AWAY, told
from cameras.room.spoken import OTHERS

if TYPE_CHECKING:
    from cameras.models import Alert, Camera

log = logging.getLogger(__name__)
WITHIN_S = 2.0
_reached = True


def alert_changed(alert: Alert) -> None:
    """Send an alert to those who may see it."""
    places = [alert.location_id] if alert.location_id is not None else []
    with override("en"):
        notice = alert.notice()
    others = {}
    for language in OTHERS:
        with override(language):
            title, text = alert.words()
        others[language] = AlertMessage(alert=msgspec.structs.replace(notice, title=title, text=text))
    tell(Audience(places=places, operators=True), AlertMessage(alert=notice), others)


def settings_changed(camera: Camera) -> None:
    """Send a camera its settings."""
    try:
        settings_now = camera.settings()
    except msgspec.ValidationError as error:
        log.warning("The settings of %s were saved but cannot be used by it: %s.", camera, error)
        return
    tell(Audience(cameras=[camera.pk]), SettingsChanged(settings=settings_now))


def tell(audience: Audience, message: Message, others: Mapping[str, Message] | None = None) -> None:
    """Publish, or say once that it did not work. `others`: the same for readers of other languages."""
    global _reached
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S) as redis:
            redis.publish(ALL, told(audience, message, others))
        _reached = True
    except AWAY as error:
        log.log(logging.WARNING if _reached else logging.DEBUG, "The room did not hear of a change: %s", error)
        _reached = False
