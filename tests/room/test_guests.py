"""A guest in the room: seen as a guest, sees their cameras, watches when the link says so, hears nothing else."""

from __future__ import annotations

import uuid
from datetime import timedelta

from asgiref.sync import sync_to_async
from django.utils import timezone
from ucam_protocol import Alert as AlertMessage
from ucam_protocol import Call, Chat, Error, Hangup, Lead, Online, Status

from accounts.tokens import issue
from cameras.models import Alert, Camera, Guest
from tests.conftest import Cast
from tests.room.peers import Peer, device, person, url_origin


def invited(cast: Cast, live: bool) -> Guest:
    begin = timezone.now() - timedelta(hours=2)
    span = (None, None) if live else (begin, begin + timedelta(hours=1))
    return Guest.objects.invite(
        cast.alice, "Jana", [cast.camera], live=live, from_=span[0], to=span[1],
        ends_at=timezone.now() + timedelta(hours=1),
    )[0]  # fmt: skip


def opened(guest: Guest) -> str:
    return issue(*guest.open("tests", timezone.now())).access


async def come(guest: Guest) -> Peer:
    peer = await Peer(url_origin()).connect()
    await peer.hello(await sync_to_async(opened)(guest), ["view"])
    return peer


async def test_people_of_the_place_see_a_guest_as_a_guest(lasting_cast: Cast) -> None:
    cast = lasting_cast
    bob = await person(cast, cast.bob)
    guest = await sync_to_async(invited)(cast, True)
    jana = await come(guest)
    seen = (await bob.hear(Online, lambda news: "guest.invalid" in news.peer.jid)).peer
    assert seen.name == "Jana (guest)"
    assert "guest" in seen.capabilities
    for peer in (jana, bob):
        await peer.leave()


async def test_a_guest_sees_their_camera_and_nobody_else(lasting_cast: Cast) -> None:
    cast = lasting_cast
    peers = [await person(cast, cast.bob), await device(cast.camera), await device(cast.foreign)]
    jana = await come(await sync_to_async(invited)(cast, True))
    kinds = [(peer.kind, peer.jid.partition("/")[0]) for peer in jana.welcome.roster]
    own = [jid for kind, jid in kinds if kind == "person"]
    assert [jid for kind, jid in kinds if kind == "camera"] == ["cam001@studio.loc"]
    assert all(jid.endswith("@guest.invalid") for jid in own)
    assert jana.welcome.messages == []
    for peer in (jana, *peers):
        await peer.leave()


async def test_a_guest_hears_and_says_nothing(lasting_cast: Cast) -> None:
    cast = lasting_cast
    bob, camera = await person(cast, cast.bob), await device(cast.camera)
    jana = await come(await sync_to_async(invited)(cast, True))
    await bob.say(Chat(text="psst"))
    await bob.hear(Chat)
    await camera.say(Status(recording=True))
    await bob.hear(Status)
    await sync_to_async(Alert.objects.raise_)("disk_low", "critical", "Disk")
    await sync_to_async(Alert.objects.raise_)("camera_offline", "critical", "Away", camera=cast.camera)
    await bob.hear(AlertMessage)
    for message in (Chat(text="hello", id="m"), Status(id="m"), Lead(camera="cam001@studio.loc", id="m")):
        await jana.say(message)
        assert (await jana.hear(Error)).code == "not_allowed"
    assert [type(one) for one in await jana.everything_so_far()] in ([], [Online])
    for peer in (jana, bob, camera):
        await peer.leave()


async def test_live_is_for_links_that_say_so(lasting_cast: Cast) -> None:
    cast = lasting_cast
    camera = await device(cast.camera)
    jana = await come(await sync_to_async(invited)(cast, True))
    peter = await come(await sync_to_async(invited)(cast, False))
    await jana.say(Call(session=str(uuid.uuid4()), to="cam001@studio.loc"))
    await camera.hear(Call)
    await peter.say(Call(session=str(uuid.uuid4()), to="cam001@studio.loc"))
    assert (await peter.hear(Error)).code == "not_found"
    await jana.say(Call(session=str(uuid.uuid4()), to="cam001@elsewhere.loc"))
    assert (await jana.hear(Error)).code == "not_found"
    for peer in (jana, peter, camera):
        await peer.leave()


async def test_revoking_ends_the_picture_and_the_connection(lasting_cast: Cast) -> None:
    cast = lasting_cast
    camera = await device(cast.camera)
    guest = await sync_to_async(invited)(cast, True)
    jana = await come(guest)
    await jana.say(Call(session="s", to="cam001@studio.loc"))
    await camera.hear(Call)
    await sync_to_async(guest.revoke)(cast.alice, timezone.now())
    assert await jana.hear_close(within_s=20) == 4401
    await jana.leave()
    await camera.hear(Hangup, within_s=20)
    await camera.leave()


async def test_a_camera_taken_off_the_link_ends_its_picture(lasting_cast: Cast) -> None:
    cast = lasting_cast
    camera = await device(cast.camera)
    guest = await sync_to_async(invited)(cast, True)
    jana = await come(guest)
    await jana.say(Call(session="s", to="cam001@studio.loc"))
    await camera.hear(Call)
    await sync_to_async(_instead)(guest, cast.foreign)
    await jana.hear(Hangup, within_s=20)
    for peer in (jana, camera):
        await peer.leave()


def _instead(guest: Guest, camera: Camera) -> None:
    guest.cameras.set([camera])
