"""Bounds of the room: who reads nothing is cut off, who opens too many pages is told; others notice nothing."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from ucam_protocol import Chat, Error, Hello, Ping, Pong

from cameras.room import consumer
from tests.conftest import Cast
from tests.room.peers import Peer, person, url_origin


async def test_whoever_takes_nothing_and_says_nothing_is_cut_off(
    lasting_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that nobody took lie in the server's memory; a page that lives pings every 10 s."""
    monkeypatch.setattr(consumer, "UNREAD_BYTES_MAX", 20_000)
    slow, alice = await person(lasting_cast, lasting_cast.bob), await person(lasting_cast, lasting_cast.alice)
    for _ in range(8):
        await alice.say(Chat(text="x" * 3000))
        await alice.hear(Chat)
    assert await slow.hear_close() == consumer.TOO_MUCH
    assert sum(len(message.text) for message in slow.heard if isinstance(message, Chat)) < 20_000
    await alice.say(Ping())
    await alice.hear(Pong)
    await alice.leave()


async def test_whoever_pings_hears_as_much_as_there_is(lasting_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "UNREAD_BYTES_MAX", 20_000)
    bob, alice = await person(lasting_cast, lasting_cast.bob), await person(lasting_cast, lasting_cast.alice)
    for _ in range(8):
        await alice.say(Chat(text="x" * 3000))
        await bob.hear(Chat)
        await bob.say(Ping())
        await bob.hear(Pong)
    for peer in (bob, alice):
        await peer.leave()


async def test_a_person_has_so_many_connections_and_no_more(
    lasting_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "PER_PERSON_MAX", 2)
    peers = [await person(lasting_cast, lasting_cast.bob) for _ in range(2)]
    third = await Peer(url_origin()).connect()
    await third.say(Hello(version=1, token=await sync_to_async(lasting_cast.access)(lasting_cast.bob)))
    assert (await third.hear(Error)).code == "too_many"
    assert await third.hear_close() == consumer.TOO_MUCH
    peers.append(await person(lasting_cast, lasting_cast.alice))
    await peers.pop(0).leave()
    peers.append(await person(lasting_cast, lasting_cast.bob))
    for peer in peers:
        await peer.leave()
