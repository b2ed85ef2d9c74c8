"""What a newcomer is told: from the database; the roster comes from the room."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from ucam_protocol import Chat, Settings, Status

from accounts.models import User
from cameras.models import Camera, Message
from cameras.room.errors import NotFound

log = logging.getLogger(__name__)
RECENT = 50
Rows = dict[int, list[int]]  # ids of rows by the id of a person


class Told(NamedTuple):
    """Newest messages, last status of each camera, bare JIDs of the cameras: what a person may see."""

    messages: list[Chat]
    statuses: list[Status]
    cameras: set[str]


def for_people(subjects: Sequence[int]) -> list[Told | Exception]:
    """What each person (id) is told. Which rows are theirs is asked for each, by the queries of every other door; what
    is in them only once, since people of a place are told the same.
    """
    users = User.objects.in_bulk(subjects)
    of_messages, of_cameras = dict[int, list[int]](), dict[int, list[int]]()
    for user in users.values():
        if not user.is_guest:
            newest = Message.objects.for_user(user).order_by("-pk").values_list("pk", flat=True)[:RECENT]
            of_messages[user.pk] = list(newest)[::-1]
            of_cameras[user.pk] = list(Camera.objects.for_user(user).values_list("pk", flat=True))
    chats, cameras = _chats(of_messages), _cameras(of_cameras)
    return [_told(pk, of_messages, of_cameras, chats, cameras) if pk in users else NotFound() for pk in subjects]


def _told(
    subject: int, of_messages: Rows, of_cameras: Rows, chats: dict[int, Chat], cameras: dict[int, Camera]
) -> Told:
    theirs = [cameras[pk] for pk in of_cameras.get(subject, []) if pk in cameras]
    return Told(
        [chats[pk] for pk in of_messages.get(subject, []) if pk in chats],
        [status for camera in theirs if (status := last_status(camera))],
        {str(camera.jid) for camera in theirs},
    )


def _chats(of: Rows) -> dict[int, Chat]:
    rows = Message.objects.select_related("camera__location").in_bulk({pk for rows in of.values() for pk in rows})
    return {pk: row.as_chat() for pk, row in rows.items()}


def _cameras(of: Rows) -> dict[int, Camera]:
    rows = Camera.objects.select_related("location").only("local", "location__domain", "status")
    return rows.in_bulk({pk for rows in of.values() for pk in rows})


def settings_of(cameras: Sequence[int]) -> list[Settings | Exception | None]:
    """What each camera shall do; None (it keeps what it has) when its row holds what cannot be told."""
    rows = Camera.objects.select_related("location").in_bulk(cameras)
    return [_settings(rows[pk]) if pk in rows else NotFound() for pk in cameras]


def _settings(row: Camera) -> Settings | None:
    try:
        return row.settings()
    except msgspec.ValidationError as error:
        log.warning("The settings of %s cannot be used (%s). Save the camera in the admin to see which.", row, error)
        return None


def last_status(camera: Camera) -> Status | None:
    """The status that was stored last, None when there is none of this version."""
    try:
        return msgspec.convert(camera.status, Status) if camera.status else None
    except msgspec.ValidationError:
        return None
