"""Follow me: whom a leader's playhead reaches, and that nobody leads in another's name."""

from __future__ import annotations

from ucam_protocol import Error, Follow, Lead

from cameras.models import Camera
from tests.conftest import Cast
from tests.room.peers import device, person

AT = "2026-11-22T13:02:10.250Z"


async def test_a_leaders_playhead_reaches_those_of_the_cameras_place_and_nobody_else(lasting_cast: Cast) -> None:
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    mallory, camera = await person(lasting_cast, lasting_cast.mallory), await device(lasting_cast.camera)
    await alice.say(Lead(camera="cam001@studio.loc", at=AT, playing=False, rate=2, from_="bob@example.com/1"))
    heard = await bob.hear(Lead)
    assert (heard.camera, heard.at, heard.playing, heard.rate) == ("cam001@studio.loc", AT, False, 2)
    assert heard.from_ == alice.jid
    for peer in (alice, mallory, camera):
        assert [one for one in await peer.everything_so_far() if isinstance(one, Lead)] == []
        await peer.leave()
    await bob.leave()


async def test_of_cameras_beside_it_followers_hear_of_that_place_and_of_the_leaders_own(lasting_cast: Cast) -> None:
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    await Camera.objects.acreate(location=lasting_cast.studio, local="cam002")
    beside = ["CAM002@studio.loc", "cam001@elsewhere.loc", "cam009@studio.loc"]
    await alice.say(Lead(camera="cam001@studio.loc", beside=beside))
    assert (await bob.hear(Lead)).beside == ["cam002@studio.loc"]
    await alice.leave()
    await bob.leave()


async def test_nobody_leads_to_a_camera_that_is_not_theirs(lasting_cast: Cast) -> None:
    bob, camera = await person(lasting_cast, lasting_cast.bob), await device(lasting_cast.camera)
    await bob.say(Lead(id="a", camera="cam001@elsewhere.loc"))
    assert (await bob.hear(Error)).code == "not_found"
    await camera.say(Lead(id="b", camera="cam001@studio.loc"))
    assert (await camera.hear(Error)).code == "not_allowed"
    await bob.leave()
    await camera.leave()


async def test_the_one_who_leads_hears_who_comes_along(lasting_cast: Cast) -> None:
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    mallory = await person(lasting_cast, lasting_cast.mallory)
    await bob.say(Follow(to=alice.jid, from_="mallory@example.com/1"))
    assert (await alice.hear(Follow)).from_ == bob.jid
    await mallory.say(Follow(to=bob.jid))
    assert (await mallory.hear(Error)).code == "not_found"
    for peer in (alice, bob, mallory):
        await peer.leave()
