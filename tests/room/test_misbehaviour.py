"""What the room does with frames that it cannot read, and with too many of them."""

from __future__ import annotations

import pytest
from ucam_protocol import FRAME_BYTES_MAX, Chat, Error, IceCandidate, Ping, Pong, Status

from tests.conftest import Cast
from tests.room.peers import Peer, device, person

BAD = {
    "not JSON": ("{", "message_malformed"),
    "not an object": ("[1]", "message_malformed"),
    "no type": ("{}", "message_malformed"),
    "unknown type": ('{"type": "reboot", "id": "9"}', "type_unknown"),
    "a type of the server's": ('{"type": "welcome"}', "type_unknown"),
    "missing key": ('{"type": "chat"}', "message_malformed"),
    "wrong kind of value": ('{"type": "chat", "text": 5}', "message_malformed"),
    "deep": ("[" * 30_000, "message_malformed"),
    "half a character": ('{"type": "chat", "text": "\\ud800"}', "message_malformed"),
    "too long": ('{"type": "ping", "x": "' + "a" * FRAME_BYTES_MAX + '"}', "frame_too_long"),
}


async def still_there(peer: Peer) -> None:
    await peer.say(Ping(sent_ms=1))
    await peer.hear(Pong)


@pytest.mark.parametrize(("frame", "code"), BAD.values(), ids=BAD.keys())
async def test_a_bad_frame_is_answered_in_words(lasting_cast: Cast, frame: str, code: str) -> None:
    mallory = await person(lasting_cast, lasting_cast.mallory)
    await mallory.send_frame(frame)
    error = await mallory.hear(Error)
    assert error.code == code
    assert error.message
    await still_there(mallory)
    await mallory.leave()


async def test_bytes_are_no_message(lasting_cast: Cast) -> None:
    mallory = await person(lasting_cast, lasting_cast.mallory)
    await mallory.socket.send_to(bytes_data=b'{"type":"ping"}')
    assert (await mallory.hear(Error)).code == "message_malformed"
    await still_there(mallory)
    await mallory.leave()


async def test_unknown_keys_are_ignored(lasting_cast: Cast) -> None:
    alice = await person(lasting_cast, lasting_cast.alice)
    await alice.send_frame('{"type": "ping", "sent_ms": 3, "colour": "red"}')
    assert (await alice.hear(Pong)).sent_ms == 3
    await alice.leave()


async def test_whoever_goes_on_breaking_the_protocol_is_closed(lasting_cast: Cast) -> None:
    mallory = await person(lasting_cast, lasting_cast.mallory)
    for _ in range(25):
        await mallory.send_frame("nonsense")
    assert await mallory.hear_close() == 4400
    assert len(mallory.heard) == 20


async def test_late_candidates_of_a_session_that_is_over_are_no_offence(lasting_cast: Cast) -> None:
    bob = await person(lasting_cast, lasting_cast.bob)
    for _ in range(30):
        await bob.say(IceCandidate(session="over", candidate="candidate:1"))
        assert (await bob.hear(Error)).code == "not_found"
    await still_there(bob)
    await bob.leave()


async def test_a_chatterbox_is_asked_to_wait_and_then_closed(lasting_cast: Cast) -> None:
    bob = await person(lasting_cast, lasting_cast.bob)
    for number in range(11):
        await bob.say(Chat(id=f"m{number}", text="hi"))
    error = await bob.hear(Error)
    assert (error.code, error.id) == ("too_many", "m10")
    for _ in range(60):
        await bob.say(Chat(text="hi"))
    assert await bob.hear_close() == 4429


async def test_a_flood_is_closed(lasting_cast: Cast) -> None:
    mallory = await person(lasting_cast, lasting_cast.mallory)
    for _ in range(1100):
        await mallory.say(Ping(sent_ms=1))
    assert await mallory.hear_close() == 4429


async def test_only_cameras_tell_how_they_are(lasting_cast: Cast) -> None:
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Status(id="1", recording=False, from_="cam001@studio.loc"))
    assert (await bob.hear(Error)).code == "not_allowed"
    assert not [message for message in await alice.everything_so_far() if isinstance(message, Status)]
    await alice.leave()
    await bob.leave()


async def test_a_camera_that_says_too_much_of_itself_is_asked_to_wait(lasting_cast: Cast) -> None:
    camera = await device(lasting_cast.camera)
    for _ in range(9):
        await camera.say(Status())
    assert (await camera.hear(Error)).code == "too_many"
    await camera.leave()
