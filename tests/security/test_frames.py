"""The matrix of the room: every message x everybody x own, foreign and missing; and nobody hears what is not theirs."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone
from ucam_protocol import CLIENT_TYPES, SERVER_TYPES, Call, Error, FromServer, Pong, encode

from accounts.models import Session, User
from accounts.tokens import issue
from cameras.models import Camera, DeviceToken, Guest, Location, Membership, Right
from cameras.room.room import Room
from tests.room.peers import Peer, device, url_origin
from tests.security.answers import Which
from tests.security.frames import HEARD, SAID, Hall, Said, Who

PEOPLE = (Who.OPERATOR, Who.VIEWER, Who.KEEPER, Who.STRANGER, Who.OUTSIDER)

FORGED = "operator@example.com/forged"  # no resource that the server gives: those are numbers in hexadecimal


def test_every_message_has_a_line() -> None:
    assert set(SAID) == CLIENT_TYPES, "Add a line to tests/security/frames.py; docs/development.md says how."
    heard = {kind for line in HEARD.values() for kind in line.by}
    assert heard | {"welcome"} == SERVER_TYPES, "Add a line to tests/security/frames.py; docs/development.md says how."


def rows() -> tuple[dict[Who, str], dict[Who, Camera], dict[Who, str]]:
    """(access token of each person, each camera, its token)."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
    own, foreign = (Location.objects.create(domain=f"{word}.loc") for word in ("harbour", "elsewhere"))
    places = {Who.CAMERA: (own, "cam001"), Who.MATE: (own, "cam002"), Who.OTHER_CAMERA: (foreign, "cam001")}
    cameras = {who: Camera.objects.create(location=place, local=local) for who, (place, local) in places.items()}
    rights = {Who.VIEWER: (own, {Right.WATCH}), Who.KEEPER: (own, set(Right) - {Right.WATCH})}
    rights[Who.OUTSIDER] = foreign, set(Right)
    access = {}
    for who in PEOPLE:
        user = User.objects.create_user(f"{who}@example.com", is_staff=who is Who.OPERATOR)
        if who in rights:
            place, held = rights[who]
            Membership.objects.create(user=user, location=place, **{f"may_{right}": True for right in held})
        access[who] = access_of(user)
    operator = User.objects.get(is_staff=True)
    until = timezone.now() + timedelta(hours=1)
    invited, _ = Guest.objects.invite(
        operator, "Gast", [cameras[Who.CAMERA]], live=True, from_=None, to=None, ends_at=until
    )
    access[Who.GUEST] = access_of(invited.user)
    return access, cameras, {who: DeviceToken.objects.issue(camera) for who, camera in cameras.items()}


def access_of(user: User) -> str:
    """An access token of a fresh session."""
    session, refresh = Session.objects.begin(user, "tests", timezone.now())
    return issue(session, refresh).access


async def everybody() -> Hall:
    """All in the room, and past the news of each other's coming."""
    access, cameras, tokens = await sync_to_async(rows)()
    hall = Hall({}, cameras, tokens)
    for who in (*PEOPLE, Who.GUEST):
        hall.peers[who] = await Peer(url_origin()).connect()
        await hall.peers[who].hello(access[who], ["view"])
    for who, camera in cameras.items():
        hall.peers[who] = await device(camera, tokens[who])
    for who in hall.peers:
        await hall.taken(who)
    await news(hall)
    return hall


async def news(hall: Hall) -> dict[Who, list[FromServer]]:
    """What each has heard since the last time: a mark is sent to each behind it, and waited for."""
    room, found = Room.here(), {}
    for peer in hall.peers.values():
        await room.send(room.process, peer.jid, Pong(sent_ms=-1, server_ms=-1))
    for who, peer in hall.peers.items():
        await peer.hear(Pong, lambda pong: pong.server_ms == -1)
        found[who] = list(peer.heard)
        peer.heard.clear()
    return found


async def leave(hall: Hall) -> None:
    for peer in hall.peers.values():
        await peer.leave()


async def sessions(hall: Hall) -> None:
    """The sessions `own` and `foreign`."""
    for who, session in ((Who.VIEWER, Which.OWN), (Who.OPERATOR, Which.FOREIGN)):
        await hall.peers[who].say(Call(session=session, to=hall.camera(session)))
        await hall.taken(who)
    await news(hall)


@pytest.mark.django_db(transaction=True)
async def test_a_message_is_taken_from_those_who_may_say_it_only() -> None:
    hall = await everybody()
    wrong: list[str] = []
    await sessions(hall)
    for kind, line in SAID.items():
        for which in line.about:
            for who in Who:
                if kind == "hangup":
                    await sessions(hall)
                wrong += await tried(hall, kind, line, which, who)
    assert wrong == []
    await leave(hall)


async def tried(hall: Hall, kind: str, line: Said, which: Which, who: Who) -> list[str]:
    """What was wrong when somebody said it. Of what is refused nobody else hears anything."""
    frame = encode(line.make(hall, which)).replace("{", f'{{"from":"{FORGED}","id":"mark",', 1)
    await hall.peers[who].send_frame(frame)
    await hall.taken(who)
    heard = await news(hall)
    errors = [message.code for message in heard[who] if isinstance(message, Error) and message.id == "mark"]
    may = who in line.may.get(which, set())
    expected = [] if may else [line.but.get(who, line.code)]
    wrong = [] if errors == expected else [f"{who} says {kind} about {which}: {errors} and not {expected}"]
    others = [other for other, messages in heard.items() if messages and other is not who]
    forged = [other for other, told in heard.items() for one in told
              if other is not who and FORGED in getattr(one, "from_", "")]  # fmt: skip
    wrong += [f"{who} says {kind} about {which}: refused, and yet {others} heard of it"] if others and not may else []
    return wrong + [f"{who} says {kind}: {forged} believe who it is from" for _ in forged[:1]]


@pytest.mark.django_db(transaction=True)
async def test_everything_is_heard_by_those_whom_it_is_for_and_by_nobody_else() -> None:
    hall = await everybody()
    wrong: list[str] = []
    for name, line in HEARD.items():
        await line.do(hall)
        heard = await news(hall)
        by: dict[str, set[Who]] = {}
        for who, messages in heard.items():
            for message in messages:
                by.setdefault(str(message.__struct_config__.tag), set()).add(who)
            wrong += [f"{name}: {who} hears {words}" for words in not_theirs(who, messages)]
        if by != line.by:
            wrong.append(f"{name}: heard by {by} and not {line.by}")
    assert wrong == []
    await leave(hall)


@pytest.mark.django_db(transaction=True)
async def test_a_welcome_tells_of_nothing_that_is_not_theirs() -> None:
    hall = await everybody()
    for who, peer in hall.peers.items():
        assert not_theirs(who, [peer.welcome]) == []
    await leave(hall)


def not_theirs(who: Who, messages: list[FromServer]) -> list[str]:
    """Messages that name a place that is not theirs."""
    forbidden = {Who.OPERATOR: (), Who.STRANGER: ("harbour", "elsewhere")}.get(
        who, ("harbour",) if who in (Who.OUTSIDER, Who.OTHER_CAMERA) else ("elsewhere",)
    )
    return [encode(message) for message in messages if any(word in encode(message) for word in forbidden)]
