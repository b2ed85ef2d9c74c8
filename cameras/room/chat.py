"""What is said: checked, stored, and for whom it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec
from django.db import transaction
from django.db.models import Q
from ucam_protocol import Chat, Jid, JidInvalid

from accounts.models import User
from cameras.models import Camera, Location, Membership, Message, Right
from cameras.models.camera import CameraQuerySet
from cameras.room.audience import Audience
from cameras.room.errors import NotFound
from cameras.room.roster import Member

MENTION = re.compile(r"(?<!\S)@([A-Za-z0-9][A-Za-z0-9._-]*)(?:@([\w.-]+))?")
ESCAPED = re.compile(r"\\(20|22|26|27|2f|3a|3c|3e|40)")  # XEP-0106, as Jid.of_email writes it


class NobodyHears(NotFound):
    """The sender belongs to no place."""

    code = "nobody_hears"
    message = "You belong to no place yet, so nobody would read this."


def say(sender: Member, chat: Chat) -> tuple[Chat, Audience]:
    """Store what somebody said; answers the message as others get it, and who they are. Raises NotFound."""
    cameras = _cameras_of(sender)
    about = _one(cameras, chat.camera) if chat.camera else None
    if chat.to:
        return _say_to_one(sender, chat, about, cameras)
    places = [about.location_id] if about else _places_of(sender)
    if not places:
        raise NobodyHears()
    everywhere = sender.operator and about is None
    mentioned = _mentioned(chat.text, cameras.filter(location__in=places))
    stored = _store(sender, chat, places, about)
    people = [sender.subject] if sender.kind == "person" else []
    cameras_heard = sorted({*mentioned, *([sender.subject] if sender.kind == "camera" else [])})
    return stored, Audience(
        places=[] if everywhere else places, any_place=everywhere, operators=True, people=people, cameras=cameras_heard
    )


def to_cameras(sender: Member, stored: Chat, audience: Audience) -> list[tuple[Chat, Audience]]:
    """The message as each camera of the audience gets it: with what the sender may do with it, which it acts on."""
    named = [camera for camera in audience.cameras if (sender.kind, sender.subject) != ("camera", camera)]
    may: dict[int, list[str]] = {camera: [] for camera in audience.cameras}
    if named and sender.kind == "person":
        user = User.objects.get(pk=sender.subject)
        for right in (Right.WATCH, Right.OPERATE):
            for camera in Camera.objects.filter(pk__in=named).may(user, right).values_list("pk", flat=True):
                may[camera].append(right.value)
    return [(msgspec.structs.replace(stored, may=rights), Audience(cameras=[one])) for one, rights in may.items()]


def _say_to_one(sender: Member, chat: Chat, about: Camera | None, cameras: CameraQuerySet) -> tuple[Chat, Audience]:
    """To one camera (operators hear it too) or one person (nobody else does)."""
    own_camera = [sender.subject] if sender.kind == "camera" else []
    own = [sender.subject] if sender.kind == "person" else []
    camera = cameras.by_jid(_bare(chat.to)).first()
    if camera is not None:
        stored = _store(sender, chat, [camera.location_id], about, to=camera)
        return stored, Audience(people=own, operators=True, cameras=sorted({camera.pk, *own_camera}))
    person = _person(sender, chat.to)
    if about is not None and not Camera.objects.for_user(person).filter(pk=about.pk).exists():
        raise NotFound("They may not see that camera, so it cannot be shown to them.")
    stored = _store(sender, chat, [], about, to=person)
    return stored, Audience(people=sorted({person.pk, *own}), cameras=own_camera)


def _cameras_of(sender: Member) -> CameraQuerySet:
    """Those the sender may name."""
    rows = Camera.objects.select_related("location")
    if sender.kind == "camera":
        return rows.filter(location__in=sender.places)
    return rows.for_user(User.objects.get(pk=sender.subject))


def _places_of(sender: Member) -> list[int]:
    """Places (ids) whose people hear what the sender says to all."""
    if sender.kind == "camera":
        return sorted(sender.places)
    user = User.objects.get(pk=sender.subject)
    return list(Location.objects.for_user(user).values_list("pk", flat=True))


def _one(cameras: CameraQuerySet, jid: str) -> Camera:
    camera = cameras.by_jid(_bare(jid)).first()
    if camera is None:
        raise NotFound("There is no such camera here for you.")
    return camera


def _bare(text: str) -> Jid:
    try:
        return Jid.parse(text).bare
    except JidInvalid as error:
        raise NotFound(error.message) from error


def _person(sender: Member, to: str) -> User:
    """The person with this JID if the sender may know of them: they share a place, or one of them is an operator."""
    jid = _bare(to)
    local = ESCAPED.sub(lambda found: chr(int(found[1], 16)), jid.local)
    person = User.objects.by_email(f"{local}@{jid.domain}")
    if person is None or person.jid != jid or not _share(sender, person):
        raise NotFound("There is nobody of that name here for you.")
    return person


def _share(sender: Member, person: User) -> bool:
    if sender.operator or person.is_staff or (sender.kind == "person" and sender.subject == person.pk):
        return True
    return Membership.objects.effective().filter(user=person, location__in=_places_of(sender)).exists()


def _mentioned(text: str, cameras: CameraQuerySet) -> list[int]:
    """Ids of the cameras that a text names with @local or @local@domain."""
    named = Q(pk=None)
    for local, domain in MENTION.findall(text)[:20]:
        place = Q(location__domain=domain.lower().rstrip(".")) if domain else Q()
        named |= Q(local=local.lower().rstrip(".")) & place
    return list(cameras.filter(named).values_list("pk", flat=True))


def _store(
    sender: Member, chat: Chat, places: list[int], about: Camera | None, to: User | Camera | None = None
) -> Chat:
    with transaction.atomic():
        row = Message.objects.create(
            from_jid=sender.bare,
            from_name=sender.name[:100],
            to_jid=str(to.jid) if to else "",
            to_camera=to if isinstance(to, Camera) else None,
            text=chat.text.replace("\0", ""),
            camera=about,
            at=_instant(chat.at),
            sent_at=datetime.now(UTC),
            said=msgspec.to_builtins(chat.said) if sender.kind == "camera" else [],
        )
        # As `set` does it, without its look at what a new row has: this is what everybody waits for who speaks.
        Message.locations.through.objects.bulk_create(
            Message.locations.through(message=row, location_id=place) for place in places
        )
    return row.as_chat()


def _instant(text: str | None) -> datetime | None:
    """The instant that a chat points at; raises NotFound for one that no calendar has."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotFound(f"{text} is no instant of this calendar.") from error
