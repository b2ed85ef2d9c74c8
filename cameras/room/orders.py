"""What an operator asks cameras from a page: said in the room in the operator's name, as if typed there."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from ucam_protocol import Chat

from accounts.models import User
from cameras.models import Camera
from cameras.room import chat
from cameras.room.announce import tell
from cameras.room.roster import Member

PAGE = "admin"  # stands for the connection that a page does not have


def ask(user: User, cameras: Iterable[Camera], words: str) -> list[Camera]:
    """Say `words` (docs/protocol.md, Talking to a camera) to each that is connected; answers those that are not."""
    sender = Member(
        jid=str(user.jid.at(PAGE)), kind="person", subject=user.pk, name=user.shown_name, process="", since="",
        places=frozenset(), operator=user.is_staff,
    )  # fmt: skip
    away = []
    for camera in cameras:
        if not camera.online:
            away.append(camera)
            continue
        stored, audience = chat.say(sender, Chat(text=words, to=str(camera.jid)))
        for copy, one in chat.to_cameras(sender, stored, audience):
            tell(one, copy)
        tell(msgspec.structs.replace(audience, cameras=[]), stored)
    return away
