"""Messages in somebody else's name, of somebody else's session, about somebody else's camera: none is delivered."""

from __future__ import annotations

import uuid
from collections import Counter
from random import Random

from msgspec.structs import replace
from ucam_protocol import (
    Answer,
    Call,
    Chat,
    Error,
    Follow,
    Hangup,
    IceCandidate,
    Lead,
    Message,
    Offer,
    Ping,
    Pong,
    Status,
    encode,
)

from tests.conftest import Cast
from tests.faults.campaign import Campaign, forms
from tests.faults.conftest import campaign
from tests.room.peers import Peer, device, person

__all__ = ["campaign"]

CAMERA, SESSION, MARK = "cam001@studio.loc", "s1", "forged"
AT_ONCE = 15  # then all that came back is heard, and the ends are asked


def forgery(chance: Random, names: list[str]) -> Message:
    """Something that its sender may not say to these ends, in the name of one of them."""
    made: Message = chance.choice([
        Offer(session=SESSION, sdp=MARK), Answer(session=SESSION, sdp=MARK), Hangup(session=SESSION, reason=MARK),
        IceCandidate(session=SESSION, candidate=MARK), Call(session=SESSION, to=CAMERA),
        Call(session=f"{MARK}{uuid.UUID(int=chance.getrandbits(128))}", to=chance.choice([CAMERA, names[1]])),
        Chat(text=MARK, to=chance.choice(names)), Chat(text=MARK, camera=CAMERA),
        Chat(text=f"@{CAMERA} restart {MARK}"), Status(version=MARK),
        Lead(camera=CAMERA, playing=True, rate=1.0), Follow(to=names[0]),
    ])  # fmt: skip
    return replace(made, from_=chance.choice(names)) if hasattr(made, "from_") else made


class Forgers:
    """A stranger with an account, another camera, and somebody who knows the session's name from nowhere."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._inside: dict[str, Peer] = {}

    async def one(self, who: str) -> Peer:
        """In the room; again when it was thrown out."""
        if who not in self._inside or self._inside[who].closed is not None:
            camera = who == "camera"
            joining = device(self._cast.foreign) if camera else person(self._cast, self._cast.mallory)
            self._inside[who] = await joining
        return self._inside[who]

    async def say(self, who: str, messages: list[Message]) -> int:
        """How many of them were refused in words, or by the door."""
        peer = await self.one(who)
        for message in messages:
            await peer.say(message)
        await peer.say(Ping(sent_ms=1))
        try:
            await peer.hear(Pong, within_s=30)
        except AssertionError:  # closed for too much
            return len(messages)
        refused = sum(isinstance(heard, Error) for heard in peer.heard)
        peer.heard.clear()
        return refused

    async def leave(self) -> None:
        for peer in self._inside.values():
            if peer.closed is None:
                await peer.leave()


def delivered(peer: Peer) -> list[str]:
    """What came through, in the forgers' words or by their session."""
    frames = [encode(message) for message in peer.heard if not isinstance(message, Pong)]
    return [frame for frame in frames if MARK in frame or '"lead"' in frame or '"follow"' in frame]


@forms("forged", 150, 10_000)
async def test_forgeries(campaign: Campaign, lasting_cast: Cast, forged: int) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Call(session=SESSION, to=CAMERA))
    await camera.hear(Call)
    forgers, tried, refused = Forgers(lasting_cast), Counter[str](), 0
    for number in range(0, forged, AT_ONCE):
        chance = campaign.round(number // AT_ONCE)
        who = chance.choice(["mallory", "camera", "mallory again"])
        messages = [forgery(chance, [bob.jid, camera.jid]) for _ in range(AT_ONCE)]
        tried.update(type(message).__name__ for message in messages)
        refused += await forgers.say(who, messages)
        for end in (camera, bob):
            await end.everything_so_far()
            assert not delivered(end)
            end.heard.clear()
    campaign.figures |= {"tried": sum(tried.values()), "by_type": dict(tried), "refused": refused, "delivered": 0}
    assert refused >= sum(tried.values()) * 0.8  # the rest are statuses of the forger itself, and chat to nobody
    await bob.say(IceCandidate(session=SESSION, candidate="candidate:1"))
    assert (await camera.hear(IceCandidate)).from_ == bob.jid  # the session stands
    await forgers.leave()
    await bob.leave()
    await camera.leave()


async def test_a_message_that_is_delivered_is_noticed(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Call(session=SESSION, to=CAMERA))
    await bob.say(Answer(session=SESSION, sdp=MARK))
    await bob.say(Ping(sent_ms=1))
    await bob.hear(Pong)
    await camera.everything_so_far()
    assert delivered(camera)
    await bob.leave()
    await camera.leave()
