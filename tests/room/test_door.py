"""Who gets into the room, and with which close code everybody else is sent away."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from ucam_protocol import Chat, Error, Hello, Ping, Pong

from accounts.models import Session
from cameras.models import DeviceToken
from cameras.room import consumer
from tests.conftest import Cast
from tests.room.peers import Peer, device, person, url_origin


async def refused(peer: Peer) -> tuple[str, int]:
    """(code of the error, close code)."""
    return (await peer.hear(Error)).code, await peer.hear_close()


async def access(cast: Cast) -> str:
    return await sync_to_async(cast.access)(cast.alice)


async def token_of(cast: Cast) -> str:
    return await sync_to_async(DeviceToken.objects.issue)(cast.camera)


async def test_a_person_comes_in_with_an_access_token(lasting_cast: Cast) -> None:
    alice = await person(lasting_cast, lasting_cast.alice)
    assert alice.jid.startswith("alice@example.com/")
    assert [peer.jid for peer in alice.welcome.roster] == ["server@127.0.0.1", alice.jid]
    await alice.say(Ping(id="p", sent_ms=5))
    pong = await alice.hear(Pong)
    assert (pong.id, pong.sent_ms) == ("p", 5)
    await alice.leave()


async def test_a_camera_comes_in_with_its_device_token_and_gets_its_settings(lasting_cast: Cast) -> None:
    camera = await device(lasting_cast.camera)
    assert camera.jid.startswith("cam001@studio.loc/")
    assert camera.welcome.settings is not None
    assert camera.welcome.settings.name == "Front door"
    assert camera.welcome.roster == []
    await camera.leave()


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_no_person_without_a_token_of_ours(lasting_cast: Cast, token: str) -> None:
    peer = await Peer(url_origin()).connect()
    await peer.say(Hello(version=1, token=token))
    assert await refused(peer) == ("token_invalid", 4401)


async def test_no_person_with_a_device_token(lasting_cast: Cast) -> None:
    peer = await Peer(url_origin()).connect()
    await peer.say(Hello(version=1, token=await token_of(lasting_cast)))
    assert await refused(peer) == ("token_invalid", 4401)


async def test_no_device_with_an_access_token(lasting_cast: Cast) -> None:
    peer = await Peer({"Authorization": f"Bearer {await access(lasting_cast)}"}).connect()
    assert await refused(peer) == ("token_invalid", 4401)


async def test_no_device_with_a_revoked_token(lasting_cast: Cast) -> None:
    token = await token_of(lasting_cast)
    await sync_to_async(DeviceToken.objects.revoke)(timezone.now())
    peer = await Peer({"Authorization": f"Bearer {token}"}).connect()
    assert await refused(peer) == ("token_invalid", 4401)


async def test_no_person_whose_sign_in_has_ended(lasting_cast: Cast) -> None:
    token = await access(lasting_cast)
    await sync_to_async(Session.objects.end)(timezone.now())
    peer = await Peer(url_origin()).connect()
    await peer.say(Hello(version=1, token=token))
    assert await refused(peer) == ("session_ended", 4401)


async def test_a_token_in_the_address_is_not_read(lasting_cast: Cast) -> None:
    for token in (await access(lasting_cast), await token_of(lasting_cast)):
        peer = await Peer(url_origin(), path=f"/ws/room?token={token}&access_token={token}").connect()
        await peer.say(Hello(version=1))
        assert await refused(peer) == ("token_invalid", 4401)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:8001", "null", "", "http://127.0.0.1:8000.evil.example"]
)
async def test_no_page_of_another_origin(lasting_cast: Cast, origin: str) -> None:
    peer = await Peer({"Origin": origin}).connect()
    assert await refused(peer) == ("origin_refused", 4403)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
async def test_pages_of_this_server_whatever_loopback_is_called(lasting_cast: Cast, origin: str) -> None:
    peer = await Peer({"Origin": origin}).connect()
    await peer.hello(await access(lasting_cast))
    await peer.leave()


async def test_whoever_says_nothing_is_sent_away(lasting_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "HELLO_WITHIN_S", 0.2)
    peer = await Peer(url_origin()).connect()
    assert await peer.hear_close() == 4408


async def test_hello_comes_first_and_once(lasting_cast: Cast) -> None:
    early = await Peer(url_origin()).connect()
    await early.say(Chat(text="hi"))
    assert await refused(early) == ("hello_expected", 4400)
    alice = await person(lasting_cast, lasting_cast.alice)
    await alice.say(Hello(version=1))
    assert (await alice.hear(Error)).code == "hello_expected"
    await alice.leave()


async def test_other_versions_are_refused_in_words(lasting_cast: Cast) -> None:
    peer = await Peer(url_origin()).connect()
    await peer.say(Hello(version=99, token=await access(lasting_cast)))
    assert await refused(peer) == ("version_unknown", 4400)
    peer = await Peer(url_origin(), spoken="").connect()
    assert await refused(peer) == ("version_unknown", 4400)


async def test_the_newest_connection_of_a_camera_wins(lasting_cast: Cast) -> None:
    token = await token_of(lasting_cast)
    old = await device(lasting_cast.camera, token)
    new = await device(lasting_cast.camera, token)
    assert await old.hear_close() == 4409
    alice = await person(lasting_cast, lasting_cast.alice)
    assert [peer.jid for peer in alice.welcome.roster if peer.kind == "camera"] == [new.jid]
    await lasting_cast.camera.arefresh_from_db()
    assert lasting_cast.camera.online
    await new.leave()
    await alice.leave()
    await lasting_cast.camera.arefresh_from_db()
    assert not lasting_cast.camera.online
