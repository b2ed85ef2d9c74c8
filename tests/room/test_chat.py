"""What is said, who hears it, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ucam_protocol import Chat, Error

from accounts.models import User
from cameras.models import Membership, Message
from tests.conftest import Cast
from tests.room.peers import Peer, device, person


def texts(heard: Sequence[object]) -> list[str]:
    return [message.text for message in heard if isinstance(message, Chat)]


async def leave(*peers: Peer) -> None:
    for peer in peers:
        await peer.leave()


async def test_a_place_hears_what_one_of_its_people_says(lasting_cast: Cast) -> None:
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Chat(id="mine", text="anybody there?", from_="alice@example.com", from_name="Alice"))
    heard = await alice.hear(Chat)
    assert (heard.text, heard.from_, heard.from_name) == ("anybody there?", "bob@example.com", "Bob")
    assert await bob.hear(Chat) == heard
    row = await Message.objects.aget()
    assert heard.id == str(row.pk)
    assert heard.sent_at.endswith("Z")
    await leave(alice, bob)


async def test_history_is_in_the_welcome_for_those_whose_place_it_was_said_at(lasting_cast: Cast) -> None:
    bob = await person(lasting_cast, lasting_cast.bob)
    for number in range(3):
        await bob.say(Chat(text=f"line {number}"))
        await bob.hear(Chat)
    alice, mallory = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.mallory)
    assert [chat.text for chat in alice.welcome.messages] == ["line 0", "line 1", "line 2"]
    assert mallory.welcome.messages == []
    await leave(alice, bob, mallory)


async def test_nobody_elsewhere_hears_it(lasting_cast: Cast) -> None:
    mallory, bob = await person(lasting_cast, lasting_cast.mallory), await person(lasting_cast, lasting_cast.bob)
    foreign, camera = await device(lasting_cast.foreign), await device(lasting_cast.camera)
    await bob.say(Chat(text="secret of the studio"))
    await bob.hear(Chat)
    for peer in (mallory, foreign, camera):
        assert texts(await peer.everything_so_far()) == []
    await leave(mallory, bob, foreign, camera)


async def test_what_an_operator_says_reaches_every_place_once(lasting_cast: Cast) -> None:
    await Membership.objects.acreate(user=lasting_cast.bob, location=lasting_cast.elsewhere, may_watch=True)
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    mallory = await person(lasting_cast, lasting_cast.mallory)
    await alice.say(Chat(text="to all"))
    await alice.hear(Chat)
    assert texts(await bob.everything_so_far()) == ["to all"]
    assert texts(await mallory.everything_so_far()) == []
    await leave(alice, bob, mallory)


async def test_a_word_about_a_camera_and_an_instant(lasting_cast: Cast) -> None:
    await Membership.objects.acreate(user=lasting_cast.mallory, location=lasting_cast.elsewhere, may_watch=True)
    mallory = await person(lasting_cast, lasting_cast.mallory)
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    await alice.say(Chat(text="look", camera="cam001@studio.loc", at="2026-11-22T14:00:00+01:00"))
    heard = await bob.hear(Chat)
    assert (heard.camera, heard.at) == ("cam001@studio.loc", "2026-11-22T13:00:00.000Z")
    assert texts(await mallory.everything_so_far()) == []
    await leave(alice, bob, mallory)


@pytest.mark.parametrize(
    "chat",
    [
        Chat(id="1", text="x", camera="cam001@elsewhere.loc"),
        Chat(id="1", text="x", camera="cam999@studio.loc"),
        Chat(id="1", text="x", camera="no jid"),
        Chat(id="1", text="x", to="cam001@elsewhere.loc"),
        Chat(id="1", text="x", to="mallory@example.com"),
        Chat(id="1", text="x", to="nobody@example.com"),
        Chat(id="1", text="x", at="2026-02-31T10:00:00Z"),
    ],
)
async def test_what_is_not_the_senders_is_not_found_and_nothing_is_kept(lasting_cast: Cast, chat: Chat) -> None:
    mallory, bob = await person(lasting_cast, lasting_cast.mallory), await person(lasting_cast, lasting_cast.bob)
    await bob.say(chat)
    error = await bob.hear(Error)
    assert (error.code, error.id) == ("not_found", "1")
    assert not await Message.objects.aexists()
    assert texts(await mallory.everything_so_far()) == []
    await leave(mallory, bob)


async def test_whoever_belongs_to_no_place_is_told_that_nobody_hears(lasting_cast: Cast) -> None:
    mallory = await person(lasting_cast, lasting_cast.mallory)
    await mallory.say(Chat(text="hello?"))
    assert (await mallory.hear(Error)).code == "nobody_hears"
    await mallory.leave()


async def test_a_private_word_is_heard_by_two(lasting_cast: Cast) -> None:
    carol = await User.objects.acreate(email="o'carol@example.com", is_staff=True)
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    other = await person(lasting_cast, carol)
    await bob.say(Chat(text="psst", to=str(carol.jid)))
    heard = await other.hear(Chat)
    assert (heard.text, heard.to) == ("psst", "o\\27carol@example.com")
    assert (await bob.hear(Chat)).text == "psst"
    assert texts(await alice.everything_so_far()) == []
    late = await person(lasting_cast, lasting_cast.alice)
    assert late.welcome.messages == []
    await leave(alice, bob, other, late)


async def test_a_camera_that_the_other_may_not_see_is_not_shown_to_them(lasting_cast: Cast) -> None:
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    await alice.say(Chat(text="look", to="bob@example.com", camera="cam001@elsewhere.loc"))
    assert (await alice.hear(Error)).code == "not_found"
    assert texts(await bob.everything_so_far()) == []
    await leave(alice, bob)


@pytest.mark.parametrize(
    "chat",
    [
        Chat(text="restart please", to="cam001@studio.loc"),
        Chat(text="@cam001 status"),
        Chat(text="hey @cam001@studio.loc, status"),
    ],
)
async def test_a_camera_hears_what_is_meant_for_it(lasting_cast: Cast, chat: Chat) -> None:
    camera, foreign = await device(lasting_cast.camera), await device(lasting_cast.foreign)
    bob = await person(lasting_cast, lasting_cast.bob)
    await bob.say(chat)
    assert (await camera.hear(Chat)).text == chat.text
    assert (await bob.hear(Chat)).text == chat.text
    assert texts(await foreign.everything_so_far()) == []
    await leave(camera, foreign, bob)


@pytest.mark.parametrize(
    "text", ["mail cam001@studio.loc", "cam001 is slow", "@cam0012 hi", "@cam001@elsewhere.loc hi"]
)
async def test_a_camera_does_not_hear_the_rest(lasting_cast: Cast, text: str) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Chat(text=text))
    await bob.hear(Chat)
    assert texts(await camera.everything_so_far()) == []
    await leave(camera, bob)


async def test_a_camera_speaks_to_its_place(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    mallory = await person(lasting_cast, lasting_cast.mallory)
    await camera.say(Chat(text="all is well"))
    heard = await bob.hear(Chat)
    assert (heard.from_, heard.from_name) == ("cam001@studio.loc", "Front door")
    await camera.say(Chat(text="for mallory", to="mallory@example.com"))
    assert (await camera.hear(Error)).code == "not_found"
    assert texts(await mallory.everything_so_far()) == []
    await leave(camera, bob, mallory)
