"""One session of live video: call, offer, answer, candidates, hangup; and who may not take part."""

from __future__ import annotations

import pytest
from ucam_protocol import Answer, Call, Error, Hangup, IceCandidate, Message, Offer, Watching

from cameras.models import Membership
from cameras.room.relay import PER_CONNECTION_MAX
from tests.conftest import Cast
from tests.room.peers import Peer, device, person

CAMERA = "cam001@studio.loc"


async def call(viewer: Peer, camera: Peer, session: str = "s1") -> None:
    """A session that both ends know of."""
    await viewer.say(Call(session=session, to=CAMERA))
    assert (await camera.hear(Call)).session == session


async def test_a_viewer_and_a_camera_come_to_terms_through_the_room(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Call(session="s1", to=CAMERA))
    assert (await camera.hear(Call)) == Call(session="s1", to=camera.jid, from_=bob.jid)
    await camera.say(Offer(session="s1", sdp="v=0 offer"))
    assert (await bob.hear(Offer)) == Offer(session="s1", sdp="v=0 offer", from_=camera.jid, to=bob.jid)
    await bob.say(Answer(session="s1", sdp="v=0 answer"))
    assert (await camera.hear(Answer)).from_ == bob.jid
    for sender, receiver in ((bob, camera), (camera, bob)):
        await sender.say(IceCandidate(session="s1", candidate="candidate:1", sdp_m_line_index=0))
        assert (await receiver.hear(IceCandidate)).from_ == sender.jid
    assert (await bob.hear(Watching)) == Watching(camera=CAMERA, viewers=["bob@example.com"])
    await bob.say(Hangup(session="s1", reason="seen enough"))
    assert (await camera.hear(Hangup)).reason == "seen enough"
    assert (await bob.hear(Watching)).viewers == []
    await bob.leave()
    await camera.leave()


async def test_the_last_to_leave_turns_off_the_light(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await call(bob, camera, "one")
    await call(bob, camera, "two")
    await bob.leave()
    assert {(await camera.hear(Hangup)).session, (await camera.hear(Hangup)).session} == {"one", "two"}
    await camera.leave()


async def test_a_camera_that_goes_hangs_up(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await call(bob, camera)
    await camera.leave()
    assert (await bob.hear(Hangup)).session == "s1"
    assert (await bob.hear(Watching, lambda watching: not watching.viewers)).camera == CAMERA
    await bob.leave()


async def test_watching_names_each_person_once_and_is_told_on_change_only(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await call(bob, camera, "one")
    await call(bob, camera, "two")
    alice = await person(lasting_cast, lasting_cast.alice)
    assert alice.welcome.watching == {CAMERA: ["bob@example.com"]}
    await bob.say(Hangup(session="one"))
    await camera.hear(Hangup)
    told = [message for message in await bob.everything_so_far() if isinstance(message, Watching)]
    assert told == [Watching(camera=CAMERA, viewers=["bob@example.com"])]
    for peer in (camera, bob, alice):
        await peer.leave()


@pytest.mark.parametrize("to", ["cam001@elsewhere.loc", "cam999@studio.loc", "no jid", "bob@example.com"])
async def test_what_is_not_yours_and_what_does_not_exist_answer_the_same(lasting_cast: Cast, to: str) -> None:
    foreign, bob = await device(lasting_cast.foreign), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Call(id="7", session="s1", to=to))
    error = await bob.hear(Error)
    assert (error.code, error.id) == ("not_found", "7")
    assert error.message == "There is no such camera here for you."
    assert not await foreign.everything_so_far()
    await bob.leave()
    await foreign.leave()


async def test_knowing_a_camera_is_not_watching_it(lasting_cast: Cast) -> None:
    await Membership.objects.filter(user=lasting_cast.bob).aupdate(may_watch=False)
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Call(session="s1", to=CAMERA))
    error = await bob.hear(Error)
    assert (error.code, error.id) == ("not_found", "s1")
    assert not await camera.everything_so_far()
    await bob.leave()
    await camera.leave()


async def test_a_camera_that_is_away_is_said_to_be_away(lasting_cast: Cast) -> None:
    bob = await person(lasting_cast, lasting_cast.bob)
    await bob.say(Call(session="s1", to=CAMERA))
    error = await bob.hear(Error)
    assert error.code == "camera_offline"
    assert "not connected" in error.message
    await bob.leave()


async def test_a_session_id_cannot_be_taken_over(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    alice = await person(lasting_cast, lasting_cast.alice)
    await call(bob, camera)
    await alice.say(Call(session="s1", to=CAMERA))
    assert (await alice.hear(Error)).code == "session_taken"
    assert not [message for message in await camera.everything_so_far() if isinstance(message, Call)]
    for peer in (camera, bob, alice):
        await peer.leave()


@pytest.mark.parametrize(
    "message",
    [
        Offer(session="s1", sdp="v=0"),
        Answer(session="s1", sdp="v=0"),
        IceCandidate(session="s1", candidate="candidate:1"),
        Hangup(session="s1"),
    ],
    ids=["offer", "answer", "candidate", "hangup"],
)
async def test_somebody_elses_session_does_not_exist(lasting_cast: Cast, message: Message) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    others = [
        await person(lasting_cast, lasting_cast.mallory),
        await person(lasting_cast, lasting_cast.alice),
        await person(lasting_cast, lasting_cast.bob),  # bob's other tab
        await device(lasting_cast.foreign),
    ]
    await call(bob, camera)
    for other in others:
        await other.say(message)
        error = await other.hear(Error)
        assert (error.code, error.id) == ("not_found", "s1")
    for end in (camera, bob):
        assert not [heard for heard in await end.everything_so_far() if isinstance(heard, type(message))]
    for peer in (*others, camera, bob):
        await peer.leave()


async def test_an_offer_comes_from_the_camera_and_an_answer_from_the_viewer(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await call(bob, camera)
    await bob.say(Offer(session="s1", sdp="v=0"))
    assert (await bob.hear(Error)).code == "not_found"
    await camera.say(Answer(session="s1", sdp="v=0"))
    assert (await camera.hear(Error)).code == "not_found"
    assert not [message for message in await camera.everything_so_far() if isinstance(message, Offer)]
    assert not [message for message in await bob.everything_so_far() if isinstance(message, Answer)]
    await bob.leave()
    await camera.leave()


async def test_a_forged_sender_is_not_believed(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await call(bob, camera)
    await bob.say(Answer(session="s1", sdp="v=0", from_="alice@example.com/1", to="cam001@elsewhere.loc"))
    answer = await camera.hear(Answer)
    assert (answer.from_, answer.to) == (bob.jid, camera.jid)
    await bob.leave()
    await camera.leave()


async def test_a_camera_may_not_call(lasting_cast: Cast) -> None:
    camera = await device(lasting_cast.camera)
    await camera.say(Call(session="s1", to=CAMERA))
    assert (await camera.hear(Error)).code == "not_allowed"
    await camera.leave()


async def test_a_wall_has_an_end(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    for number in range(PER_CONNECTION_MAX):
        await call(bob, camera, f"s{number}")
    await bob.say(Call(session="one too many", to=CAMERA))
    assert (await bob.hear(Error)).code == "too_many"
    await bob.say(Hangup(session="s0"))
    await camera.hear(Hangup)
    await call(bob, camera, "fits again")
    await bob.leave()
    await camera.leave()
