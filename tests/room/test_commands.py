"""What is said to a camera reaches that camera alone with the sender's rights, which nobody can claim by himself."""

from __future__ import annotations

from ucam_protocol import Chat

from tests.conftest import Cast
from tests.room.peers import device, person


async def test_a_camera_that_is_named_hears_what_the_sender_may_do(lasting_cast: Cast) -> None:
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    camera = await device(lasting_cast.camera)
    await bob.say(Chat(text="@cam001 status", may=["operate"]))
    assert (await camera.hear(Chat)).may == ["watch"]
    assert (await bob.hear(Chat)).may == []
    assert (await alice.hear(Chat)).may == []
    await alice.say(Chat(text="blink", to=str(lasting_cast.camera.jid)))
    heard = await camera.hear(Chat)
    assert (heard.text, heard.to, heard.may) == ("blink", str(lasting_cast.camera.jid), ["watch", "operate"])
    for peer in (alice, bob, camera):
        await peer.leave()


async def test_a_camera_that_is_not_named_hears_nothing(lasting_cast: Cast) -> None:
    bob, camera = await person(lasting_cast, lasting_cast.bob), await device(lasting_cast.camera)
    mallory = await person(lasting_cast, lasting_cast.mallory)
    await bob.say(Chat(text="status"))
    await bob.hear(Chat)
    await mallory.say(Chat(text="@cam001@studio.loc restart"))
    assert [one for one in await camera.everything_so_far() if isinstance(one, Chat)] == []
    for peer in (bob, camera, mallory):
        await peer.leave()


async def test_what_cameras_say_to_each_other_carries_no_rights(lasting_cast: Cast) -> None:
    camera = await device(lasting_cast.camera)
    await camera.say(Chat(text="@cam001 restart"))
    assert (await camera.hear(Chat)).may == []
    await camera.leave()
