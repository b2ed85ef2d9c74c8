"""The line between server processes: one bad socket harms nobody else, and whoever hears nothing any more is told."""

from __future__ import annotations

from typing import Any

from autobahn.exception import Disconnected
from ucam_protocol import Call, Chat, Ping, Pong

from cameras.room import sweeper
from cameras.room.line import line_of
from cameras.room.room import SERVER_AGAIN, Room
from tests.conftest import Cast
from tests.room.peers import device, person


async def test_a_socket_that_is_just_closing_makes_nobody_deaf(lasting_cast: Cast) -> None:
    """Between a browser's close frame and the end of its connection, daphne raises at everything that is sent to it."""
    alice, camera, bob = (
        await person(lasting_cast, lasting_cast.alice),
        await device(lasting_cast.camera),
        await person(lasting_cast, lasting_cast.bob),
    )

    async def closing(event: dict[str, Any]) -> None:
        raise Disconnected("Attempt to send on a closed protocol")

    Room.here().seats[bob.jid]._send = closing  # type: ignore[attr-defined]
    for text in ("one", "two"):
        await alice.say(Chat(text=text))
        assert (await alice.hear(Chat)).text == text
    await alice.say(Call(session="s1", to=str(lasting_cast.camera)))
    assert (await camera.hear(Call)).from_ == alice.jid
    for peer in (bob, camera, alice):
        await peer.leave()


async def test_a_line_that_ends_for_whatever_reason_sends_everybody_to_the_door(lasting_cast: Cast) -> None:
    alice = await person(lasting_cast, lasting_cast.alice)
    room = Room.here()
    await room.redis.publish(line_of(room.process), b"\xc1 no message at all")
    assert await alice.hear_close() == SERVER_AGAIN
    again = await person(lasting_cast, lasting_cast.alice)
    await again.say(Chat(text="here I am"))
    assert (await again.hear(Chat)).text == "here I am"
    await again.leave()


async def test_a_process_that_does_not_hear_itself_sends_everybody_to_the_door(lasting_cast: Cast) -> None:
    alice = await person(lasting_cast, lasting_cast.alice)
    room = Room.here()
    await sweeper.pulse(room)
    await alice.say(Ping(sent_ms=1))
    await alice.hear(Pong)
    room.line._heard_s -= sweeper.DEAF_S + 1
    await sweeper.pulse(room)
    assert await alice.hear_close() == SERVER_AGAIN
    again = await person(lasting_cast, lasting_cast.alice)
    await again.say(Chat(text="here I am"))
    assert (await again.hear(Chat)).text == "here I am"
    await again.leave()
