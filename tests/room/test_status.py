"""What cameras tell of themselves, and what others tell the room: alerts and settings."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from ucam_protocol import Alert as AlertMessage
from ucam_protocol import PartState, SettingsChanged, Status

from cameras.models import Alert
from cameras.room.status import StatusBook
from cameras.sentences import say
from tests.conftest import Cast
from tests.room.peers import Peer, device, person, url_origin


async def test_who_may_see_the_camera_hears_how_it_is(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.bob)
    mallory = await person(lasting_cast, lasting_cast.mallory)
    status = Status(recording=True, parts={"storage": PartState("ok", "Fine.")}, spool_holds_s=3600)
    await camera.say(status)
    heard = await bob.hear(Status)
    assert (heard.from_, heard.recording, heard.parts) == ("cam001@studio.loc", True, status.parts)
    assert not await mallory.everything_so_far()
    late = await person(lasting_cast, lasting_cast.alice)
    assert late.welcome.statuses == [heard]
    assert mallory.welcome.statuses == []
    await lasting_cast.camera.arefresh_from_db()
    assert lasting_cast.camera.status["spool_holds_s"] == 3600
    for peer in (camera, bob, mallory, late):
        await peer.leave()


def test_a_status_is_stored_when_a_part_changes_and_every_ten_seconds() -> None:
    now_s = [0.0]
    book = StatusBook(lambda: now_s[0])
    ok, broken = Status(parts={"camera": PartState("ok")}), Status(parts={"camera": PartState("broken", "Gone.")})
    assert book.is_due(ok)
    assert not book.is_due(ok)
    assert book.is_due(broken)
    assert not book.is_due(broken)
    now_s[0] = 10.0
    assert book.is_due(broken)


async def test_an_alert_is_heard_at_its_place(lasting_cast: Cast) -> None:
    alice, bob = await person(lasting_cast, lasting_cast.alice), await person(lasting_cast, lasting_cast.bob)
    mallory, camera = await person(lasting_cast, lasting_cast.mallory), await device(lasting_cast.camera)
    raised = await sync_to_async(Alert.objects.raise_)(
        "camera_offline", "critical", "Front door is gone", camera=lasting_cast.camera
    )
    for peer in (alice, bob):
        heard = (await peer.hear(AlertMessage)).alert
        assert (heard.id, heard.state, heard.camera) == (raised.pk, "raised", "cam001@studio.loc")
    await sync_to_async(Alert.objects.clear)("camera_offline", camera=lasting_cast.camera)
    assert (await bob.hear(AlertMessage)).alert.state == "cleared"
    await sync_to_async(Alert.objects.raise_)("disk_low", "warning", "The disk is nearly full")
    await alice.hear(AlertMessage, lambda message: message.alert.kind == "disk_low")
    for peer in (bob, mallory, camera):
        assert not [message for message in await peer.everything_so_far() if isinstance(message, AlertMessage)]
    for peer in (alice, bob, mallory, camera):
        await peer.leave()


async def test_an_alert_is_heard_in_the_language_of_each_page(lasting_cast: Cast) -> None:
    token = await sync_to_async(lasting_cast.access)(lasting_cast.alice)
    german = await Peer(url_origin() | {"Cookie": "django_language=de"}).connect()
    await german.hello(token, ["view"])
    english = await person(lasting_cast, lasting_cast.bob)
    title = say("{name} is not connected", name="Hof")
    await sync_to_async(Alert.objects.raise_)("camera_offline", "critical", title, camera=lasting_cast.camera)
    assert (await german.hear(AlertMessage)).alert.title == "Hof ist nicht verbunden"
    assert (await english.hear(AlertMessage)).alert.title == "Hof is not connected"
    for peer in (german, english):
        await peer.leave()


async def test_a_camera_hears_of_its_settings_when_they_are_saved(lasting_cast: Cast) -> None:
    camera, foreign = await device(lasting_cast.camera), await device(lasting_cast.foreign)
    lasting_cast.camera.fps = 12
    await sync_to_async(lasting_cast.camera.save)()
    assert (await camera.hear(SettingsChanged)).settings.fps == 12
    assert not await foreign.everything_so_far()
    await camera.leave()
    await foreign.leave()


async def test_cameras_hear_of_another_time_zone_of_their_place(lasting_cast: Cast) -> None:
    """Their schedule goes by it."""
    camera, foreign = await device(lasting_cast.camera), await device(lasting_cast.foreign)
    lasting_cast.studio.timezone = "Europe/Lisbon"
    await sync_to_async(lasting_cast.studio.save)()
    assert (await camera.hear(SettingsChanged)).settings.timezone == "Europe/Lisbon"
    assert not await foreign.everything_so_far()
    await camera.leave()
    await foreign.leave()
