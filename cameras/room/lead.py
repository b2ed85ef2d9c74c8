"""Follow me: one person's playhead drives the players of those who come along. Nothing of it is kept."""

from __future__ import annotations

import msgspec
from ucam_protocol import Follow, Lead

from accounts.models import User
from cameras.models import Camera
from cameras.room.audience import Audience
from cameras.room.errors import NotForYou, NotFound
from cameras.room.roster import Member


def led(sender: Member, message: Lead) -> tuple[Lead, Audience]:
    """The message as others get it, and who they are: people of the camera's place. Their own rights decide what
    they see there. Of the cameras beside it they hear of those of that place only. Raises NotFound for a camera that
    is not the sender's.
    """
    if sender.kind != "person":
        raise NotForYou("Only people lead.")
    user = User.objects.get(pk=sender.subject)
    mine = Camera.objects.for_user(user)
    camera = mine.by_jid(message.camera).select_related("location").first()
    if camera is None:
        raise NotFound("There is no such camera here for you.")
    here = mine.filter(location=camera.location_id)
    known = [here.by_jid(jid).select_related("location").first() for jid in message.beside]
    beside = [str(one.jid) for one in known if one is not None and one.pk != camera.pk]
    stamped = msgspec.structs.replace(message, id="", camera=str(camera.jid), beside=beside, from_=sender.jid)
    return stamped, Audience(places=[camera.location_id], operators=True, but=sender.jid)


def followed(sender: Member, message: Follow, everyone: list[Member]) -> tuple[str, Follow]:
    """(server process of the one who leads, the message for them); raises NotFound when they are not here for the
    sender.
    """
    leader = next((one for one in everyone if one.jid == message.to and one.kind == "person"), None)
    if sender.kind != "person" or leader is None or not sender.sees(leader):
        raise NotFound("They are not in the room any more.")
    return leader.process, msgspec.structs.replace(message, id="", from_=sender.jid)
