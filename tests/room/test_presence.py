"""Who sees whom come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from asgiref.sync import sync_to_async
from ucam_protocol import Offline, Online

from cameras.models import Membership
from cameras.room import presence
from tests.conftest import Cast
from tests.room.peers import Peer, device, person


async def leave(*peers: Peer) -> None:
    for peer in peers:
        await peer.leave()


def seen(peer: Peer) -> set[str]:
    return {one.jid for one in peer.welcome.roster if one.kind != "server"}


def came(heard: Sequence[object]) -> list[str]:
    return [message.peer.jid for message in heard if isinstance(message, Online)]


def went(heard: Sequence[object]) -> list[str]:
    return [message.jid for message in heard if isinstance(message, Offline)]


async def test_people_of_a_place_see_each_other_and_their_camera(lasting_cast: Cast) -> None:
    bob = await person(lasting_cast, lasting_cast.bob)
    camera = await device(lasting_cast.camera)
    online = await bob.hear(Online)
    assert (online.peer.jid, online.peer.kind, online.peer.name) == (camera.jid, "camera", "Front door")
    assert online.peer.capabilities == ["live", "record"]
    alice = await person(lasting_cast, lasting_cast.alice)
    assert (await bob.hear(Online)).peer.jid == alice.jid
    assert seen(alice) == {bob.jid, camera.jid, alice.jid}
    await camera.leave()
    assert (await bob.hear(Offline)).jid == camera.jid
    assert (await alice.hear(Offline)).jid == camera.jid
    await leave(alice, bob)


async def test_those_who_come_at_once_know_of_each_other_once(lasting_cast: Cast) -> None:
    """By the roster of their welcome, or by `online` when it came too early for that; never by both, never by none."""
    cast = lasting_cast
    people = [cast.bob, cast.alice, cast.bob, cast.alice, cast.bob]
    *inside, camera = await asyncio.gather(*(person(cast, one) for one in people), device(cast.camera))
    everybody = sorted(peer.jid for peer in (*inside, camera))
    for peer in inside:
        known = sorted([*seen(peer), *came(await peer.everything_so_far())])
        assert known == everybody
    await leave(*inside, camera)


async def test_nobody_sees_who_is_elsewhere(lasting_cast: Cast) -> None:
    mallory, bob = await person(lasting_cast, lasting_cast.mallory), await person(lasting_cast, lasting_cast.bob)
    foreign, camera = await device(lasting_cast.foreign), await device(lasting_cast.camera)
    assert seen(bob) == {bob.jid}
    assert seen(mallory) == {mallory.jid}
    assert not await mallory.everything_so_far()
    assert came(await bob.everything_so_far()) == [camera.jid]
    await leave(foreign, camera)
    assert not await mallory.everything_so_far()
    assert went(await bob.everything_so_far()) == [camera.jid]
    await leave(mallory, bob)


async def test_who_shares_a_place_sees_the_other_and_hears_of_it_once(lasting_cast: Cast) -> None:
    for place in (lasting_cast.studio, lasting_cast.elsewhere):
        await Membership.objects.aupdate_or_create(
            user=lasting_cast.mallory, location=place, defaults={"may_replay": True}
        )
    await Membership.objects.acreate(user=lasting_cast.bob, location=lasting_cast.elsewhere, may_watch=True)
    bob = await person(lasting_cast, lasting_cast.bob)
    mallory = await person(lasting_cast, lasting_cast.mallory)
    assert came(await bob.everything_so_far()) == [mallory.jid]
    await leave(mallory, bob)


async def test_a_camera_hears_of_nobody(lasting_cast: Cast) -> None:
    camera = await device(lasting_cast.camera)
    alice = await person(lasting_cast, lasting_cast.alice)
    await alice.leave()
    assert not await camera.everything_so_far()
    await camera.leave()


async def test_pages_see_the_same_roster(lasting_cast: Cast) -> None:
    bob, camera = await person(lasting_cast, lasting_cast.bob), await device(lasting_cast.camera)
    foreign = await device(lasting_cast.foreign)

    async def visible_to(name: str) -> set[str]:
        return {peer.jid for peer in await sync_to_async(presence.visible_to)(getattr(lasting_cast, name))}

    assert await visible_to("alice") == {bob.jid, camera.jid, foreign.jid}
    assert await visible_to("bob") == {bob.jid, camera.jid}
    assert await visible_to("mallory") == set()
    await leave(bob, camera, foreign)
    assert await visible_to("alice") == set()


async def test_the_row_of_a_camera_remembers_when_it_came_and_went(lasting_cast: Cast) -> None:
    camera = await device(lasting_cast.camera)
    await lasting_cast.camera.arefresh_from_db()
    assert lasting_cast.camera.online
    await camera.leave()
    await lasting_cast.camera.arefresh_from_db()
    assert not lasting_cast.camera.online
    assert lasting_cast.camera.disconnected_at >= lasting_cast.camera.connected_at
