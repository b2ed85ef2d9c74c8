"""Every message of the room: who may say it (`SAID`), and who hears what the server sends (`HEARD`), all others not.

A type of `ucam_protocol.FromClient` or `FromServer` without a line here fails the build.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from secrets import token_hex

from asgiref.sync import sync_to_async
from ucam_protocol import (
    Answer,
    Call,
    Chat,
    Follow,
    Hangup,
    Hello,
    IceCandidate,
    Lead,
    Message,
    Offer,
    Ping,
    Pong,
    Status,
)

from cameras.models import Alert, Camera
from cameras.room.announce import alert_changed, settings_changed
from cameras.room.happened import happened
from tests.room.peers import Peer, device
from tests.security.answers import Which


class Who(StrEnum):
    """Who sits in the room. The own place is harbour.loc, the foreign one elsewhere.loc."""

    OPERATOR = "operator"
    VIEWER = "viewer"  # may watch at the own place, and nothing else
    KEEPER = "keeper"  # may do everything there but watch
    STRANGER = "stranger"  # an account, and nothing else
    OUTSIDER = "outsider"  # may do everything at the foreign place
    GUEST = "guest"  # with a link to the camera, live
    CAMERA = "camera"
    MATE = "mate"  # another camera of the own place
    OTHER_CAMERA = "other camera"  # one of the foreign place


A, V, K, S, X, G = Who.OPERATOR, Who.VIEWER, Who.KEEPER, Who.STRANGER, Who.OUTSIDER, Who.GUEST
C, M, F = Who.CAMERA, Who.MATE, Who.OTHER_CAMERA
STAFF, OUTSIDE, DEVICES = {A, V, K}, {A, X}, {C, M, F}
Own, Foreign = Which.OWN, Which.FOREIGN
NO_GUEST = {G: "not_allowed"}


@dataclass
class Hall:
    """All of them, each on one connection; JIDs by what they are to the own place."""

    peers: dict[Who, Peer]
    rows: dict[Who, Camera]
    tokens: dict[Who, str]

    async def taken(self, who: Who) -> None:
        """Until the server is done with all that somebody said so far."""
        await self.peers[who].say(Ping(id="taken"))
        await self.peers[who].hear(Pong, lambda pong: pong.id == "taken")

    def camera(self, which: Which) -> str:
        """JID of a camera."""
        return {Which.OWN: "cam001@harbour.loc", Which.FOREIGN: "cam001@elsewhere.loc"}.get(which, "cam999@harbour.loc")

    def person(self, which: Which) -> str:
        """Full JID of a person."""
        who = {Which.OWN: V, Which.FOREIGN: X}.get(which)
        return self.peers[who].jid if who else "nobody@example.com/1"


@dataclass(frozen=True)
class Said:
    """A message of a client. Sessions are named after whose they are: `own` binds V and C, `foreign` A and F."""

    make: Callable[[Hall, Which], Message]
    may: dict[Which, set[Who]]
    code: str = "not_found"  # what all others are told
    but: dict[Who, str] = field(default_factory=dict)  # those who are told something else
    about: tuple[Which, ...] = tuple(Which)


SAID = {
    "hello": Said(lambda hall, which: Hello(version=1), {}, "hello_expected", about=(Own,)),
    "ping": Said(lambda hall, which: Ping(sent_ms=1), {Own: set(Who)}, about=(Own,)),
    "status": Said(lambda hall, which: Status(recording=True), {Own: DEVICES}, "not_allowed", about=(Own,)),
    "chat": Said(
        lambda hall, which: Chat(text="x", camera=hall.camera(which)), {Own: {*STAFF, C, M}, Foreign: {*OUTSIDE, F}},
        but=NO_GUEST,
    ),
    "lead": Said(
        lambda hall, which: Lead(camera=hall.camera(which)), {Own: STAFF, Foreign: OUTSIDE},
        but=dict.fromkeys({*DEVICES, G}, "not_allowed"),
    ),
    "follow": Said(lambda hall, which: Follow(to=hall.person(which)), {Own: STAFF, Foreign: OUTSIDE}, but=NO_GUEST),
    "call": Said(
        lambda hall, which: Call(session=token_hex(8), to=hall.camera(which)), {Own: {A, V, G}, Foreign: OUTSIDE},
        but=dict.fromkeys(DEVICES, "not_allowed"),
    ),
    "offer": Said(lambda hall, which: Offer(session=which, sdp="v=0"), {Own: {C}, Foreign: {F}}, but=NO_GUEST),
    "answer": Said(lambda hall, which: Answer(session=which, sdp="v=0"), {Own: {V}, Foreign: {A}}),
    "candidate": Said(lambda hall, which: IceCandidate(session=which, candidate=""), {Own: {C, V}, Foreign: {F, A}}),
    "hangup": Said(lambda hall, which: Hangup(session=which), {Own: {C, V}, Foreign: {F, A}}),
}  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """Something that happens, and who hears which types of it; whoever is not named hears nothing at all."""

    do: Callable[[Hall], Awaitable[None]]
    by: dict[str, set[Who]]


def says(who: Who, make: Callable[[Hall], Message]) -> Callable[[Hall], Awaitable[None]]:
    """Somebody says something."""

    async def do(hall: Hall) -> None:
        await hall.peers[who].say(make(hall))
        await hall.taken(who)

    return do


def comes_anew(who: Who) -> Callable[[Hall], Awaitable[None]]:
    """A camera leaves and comes back."""

    async def do(hall: Hall) -> None:
        await hall.peers[who].leave()
        hall.peers[who] = await device(hall.rows[who], hall.tokens[who])
        await hall.taken(who)

    return do


def server(do: Callable[[Camera], object], who: Who) -> Callable[[Hall], Awaitable[None]]:
    """Something outside of the room tells it something about a camera."""

    async def told(hall: Hall) -> None:
        await sync_to_async(do)(hall.rows[who])

    return told


def raise_alert(camera: Camera) -> None:
    """An alert of the camera's place."""
    words = f"At the {camera.location.domain.partition('.')[0]}"
    alert = Alert.objects.create(
        kind="test", about=f"{camera.pk}", camera=camera, location=camera.location, level="warning", title=words
    )
    alert_changed(alert)


def export_happened(camera: Camera) -> None:
    """The server's own line in the chat."""
    happened("export", camera, camera.created_at, camera.created_at)


HEARD = {
    "the guest's camera comes anew": Heard(comes_anew(C), {"offline": {*STAFF, G}, "online": {*STAFF, G}}),
    "a camera of the place comes anew": Heard(comes_anew(M), {"offline": STAFF, "online": STAFF}),
    "a camera of the other place comes anew": Heard(comes_anew(F), {"offline": OUTSIDE, "online": OUTSIDE}),
    "something is said to the place": Heard(says(V, lambda hall: Chat(text="harbour")), {"chat": STAFF}),
    "something is said to the other place": Heard(says(X, lambda hall: Chat(text="elsewhere")), {"chat": OUTSIDE}),
    "a camera is addressed": Heard(says(V, lambda hall: Chat(text="x", to=hall.camera(Own))), {"chat": {A, V, C}}),
    "a camera is mentioned": Heard(says(K, lambda hall: Chat(text="@cam001 status")), {"chat": {*STAFF, C}}),
    "something is said to one person": Heard(
        says(V, lambda hall: Chat(text="harbour", to="keeper@example.com")), {"chat": {V, K}}
    ),
    "the server tells what happened": Heard(server(export_happened, C), {"chat": STAFF}),
    "the server tells what happened elsewhere": Heard(server(export_happened, F), {"chat": OUTSIDE}),
    "a camera tells how it is": Heard(says(C, lambda hall: Status(recording=True)), {"status": STAFF}),
    "the other camera tells how it is": Heard(says(F, lambda hall: Status(recording=True)), {"status": OUTSIDE}),
    "somebody leads": Heard(says(V, lambda hall: Lead(camera=hall.camera(Own))), {"lead": {A, K}}),
    "somebody follows": Heard(says(K, lambda hall: Follow(to=hall.person(Own))), {"follow": {V}}),
    "a live session begins": Heard(
        says(V, lambda hall: Call(session="live", to=hall.camera(Own))), {"call": {C}, "watching": STAFF}
    ),
    "the camera offers": Heard(says(C, lambda hall: Offer(session="live", sdp="v=0")), {"offer": {V}}),
    "the viewer answers": Heard(says(V, lambda hall: Answer(session="live", sdp="v=0")), {"answer": {C}}),
    "a candidate": Heard(says(C, lambda hall: IceCandidate(session="live", candidate="")), {"candidate": {V}}),
    "the session ends": Heard(says(C, lambda hall: Hangup(session="live")), {"hangup": {V}, "watching": STAFF}),
    "an alert": Heard(server(raise_alert, C), {"alert": STAFF}),
    "an alert of the other place": Heard(server(raise_alert, F), {"alert": OUTSIDE}),
    "a camera is set up anew": Heard(server(settings_changed, C), {"settings": {C}}),
    "a ping": Heard(says(S, lambda hall: Ping(sent_ms=1)), {"pong": {S}}),
    "a mistake": Heard(says(S, lambda hall: Hangup(session="none")), {"error": {S}}),
}  # fmt: skip
