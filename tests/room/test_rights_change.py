"""What a change in the database does to open sockets, within 5 s."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from ucam_protocol import Call, Chat, Error, Hangup, Offline, Online, Welcome

from accounts.models import Session, User
from cameras.models import DeviceToken, Membership
from cameras.room import sweeper
from cameras.room.room import Room
from tests.conftest import Cast
from tests.room.peers import device, person

CAMERA = "cam001@studio.loc"


async def test_a_sign_in_that_ends_closes_its_socket(lasting_cast: Cast) -> None:
    bob, alice = await person(lasting_cast, lasting_cast.bob), await person(lasting_cast, lasting_cast.alice)
    await sync_to_async(Session.objects.filter(user=lasting_cast.bob).end)(timezone.now())
    assert await bob.hear_close(within_s=5) == 4401
    await bob.leave()
    assert (await alice.hear(Offline)).jid == bob.jid
    await alice.leave()


async def test_a_person_who_may_not_sign_in_any_more_is_sent_away(lasting_cast: Cast) -> None:
    bob = await person(lasting_cast, lasting_cast.bob)
    await User.objects.filter(pk=lasting_cast.bob.pk).aupdate(is_active=False)
    assert await bob.hear_close(within_s=5) == 4401


async def test_a_device_token_that_is_revoked_closes_its_socket(lasting_cast: Cast) -> None:
    camera = await device(lasting_cast.camera)
    await sync_to_async(DeviceToken.objects.revoke)(timezone.now())
    assert await camera.hear_close(within_s=5) == 4401


async def test_losing_the_right_to_watch_ends_the_picture_and_keeps_the_socket(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await bob.say(Call(session="s1", to=CAMERA))
    await camera.hear(Call)
    await Membership.objects.filter(user=lasting_cast.bob).aupdate(may_watch=False)
    for end in (bob, camera):
        hangup = await end.hear(Hangup, within_s=5)
        assert (hangup.session, hangup.reason) == ("s1", "You may not watch this camera any more.")
    await bob.say(Call(session="s2", to=CAMERA))
    assert (await bob.hear(Error)).code == "not_found"
    await bob.say(Chat(text="still here"))
    await bob.hear(Chat)
    await bob.leave()
    await camera.leave()


async def test_losing_a_place_is_losing_all_that_is_said_there(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    await Membership.objects.filter(user=lasting_cast.bob).adelete()
    assert (await bob.hear(Offline, within_s=5)).jid == camera.jid
    await camera.say(Chat(text="for the studio"))
    await camera.hear(Chat)
    assert not [message for message in await bob.everything_so_far() if isinstance(message, Chat)]
    await bob.leave()
    await camera.leave()


async def test_gaining_a_place_shows_who_is_there(lasting_cast: Cast) -> None:
    camera, mallory = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.mallory)
    bob = await person(lasting_cast, lasting_cast.bob)
    await Membership.objects.acreate(user=lasting_cast.mallory, location=lasting_cast.studio, may_watch=True)
    assert (await bob.hear(Online, lambda online: online.peer.jid == mallory.jid, within_s=5)).peer.kind == "person"
    seen = {(await mallory.hear(Online)).peer.jid for _ in range(2)}
    assert seen == {camera.jid, bob.jid}
    await mallory.say(Call(session="s1", to=CAMERA))
    await camera.hear(Call)
    for peer in (camera, mallory, bob):
        await peer.leave()


async def test_old_turn_credentials_are_renewed_by_another_welcome(
    lasting_cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.UCAM_TURN, settings.UCAM_TURN_SECRET = ["turn:turn.example"], "north"
    monkeypatch.setattr(sweeper, "CREDENTIALS_S", 0.2)
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    for peer in (camera, bob):
        again = await peer.hear(Welcome)
        assert again.jid == peer.jid
        assert again.ice_servers[0].urls == ["turn:turn.example"]
    await bob.leave()
    await camera.leave()


async def test_who_left_while_redis_was_away_is_swept_out(lasting_cast: Cast) -> None:
    bob = await person(lasting_cast, lasting_cast.bob)
    left = await person(lasting_cast, lasting_cast.alice)
    Room.here().seats.pop(left.jid)
    assert (await bob.hear(Offline)).jid == left.jid
    await bob.leave()
    await left.leave()
