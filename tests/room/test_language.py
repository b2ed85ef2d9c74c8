"""What a camera says, and why a session ended, in the language of each who hears it."""

from __future__ import annotations

from datetime import UTC, datetime

from asgiref.sync import sync_to_async
from django.utils.translation import override
from ucam_carried import carried
from ucam_protocol import Call, Chat, Hangup, PartState, Status
from ucam_sentences import say

from accounts.models import User
from cameras.ailments import ailments
from cameras.sentences import translated
from tests.conftest import Cast
from tests.room.peers import Peer, device, person, url_origin

SILENT = say("Storage gives no answer.")
ROOM = say("Without storage the camera has room for {length} more.", length=say("{n} hours", n=3))


async def german(cast: Cast, user: User) -> Peer:
    """A person whose page is German."""
    token = await sync_to_async(cast.access)(user)
    peer = await Peer(url_origin() | {"Cookie": "django_language=de"}).connect()
    await peer.hello(token, ["view"])
    return peer


def unwell() -> Status:
    return Status(recording=True, parts={"storage": PartState("broken", str(SILENT), carried(SILENT))})


async def test_each_hears_a_cameras_words_in_their_language(lasting_cast: Cast) -> None:
    camera, alice = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.alice)
    bob = await german(lasting_cast, lasting_cast.bob)
    await camera.say(unwell())
    assert (await alice.hear(Status)).parts["storage"] == PartState("broken", "Storage gives no answer.")
    assert (await bob.hear(Status)).parts["storage"] == PartState("broken", "Der Speicher antwortet nicht.")
    late = await german(lasting_cast, lasting_cast.bob)
    assert late.welcome.statuses[0].parts["storage"].words == "Der Speicher antwortet nicht."
    for peer in (camera, alice, bob, late):
        await peer.leave()


async def test_a_cameras_answer_is_kept_for_readers_of_every_language(lasting_cast: Cast) -> None:
    camera, alice = await device(lasting_cast.camera), await person(lasting_cast, lasting_cast.alice)
    bob = await german(lasting_cast, lasting_cast.bob)
    await camera.say(Chat(text=str(ROOM), said=carried(ROOM)))
    heard = await alice.hear(Chat)
    assert (heard.text, heard.said) == ("Without storage the camera has room for 3 hours more.", [])
    assert (await bob.hear(Chat)).text == "Ohne Speicher reicht der Platz auf der Kamera noch für 3 Stunden."
    late = await german(lasting_cast, lasting_cast.bob)
    assert late.welcome.messages[-1].text == "Ohne Speicher reicht der Platz auf der Kamera noch für 3 Stunden."
    api = await sync_to_async(lasting_cast.api)(lasting_cast.bob)
    answer = await sync_to_async(api.get)("/api/messages/", headers={"accept-language": "de"})
    assert answer.json()[-1]["text"] == "Ohne Speicher reicht der Platz auf der Kamera noch für 3 Stunden."
    for peer in (camera, alice, bob, late):
        await peer.leave()


async def test_what_a_person_says_is_never_translated(lasting_cast: Cast) -> None:
    alice, bob = await person(lasting_cast, lasting_cast.alice), await german(lasting_cast, lasting_cast.bob)
    await alice.say(Chat(text=str(SILENT), said=carried(SILENT)))
    assert (await bob.hear(Chat)).text == "Storage gives no answer."
    for peer in (alice, bob):
        await peer.leave()


async def test_why_a_session_ended_is_said_in_the_viewers_language(lasting_cast: Cast) -> None:
    camera, bob = await device(lasting_cast.camera), await german(lasting_cast, lasting_cast.bob)
    off = say("Off by its schedule until {time}.", time=datetime(2026, 11, 30, 7, tzinfo=UTC))
    await bob.say(Call(session="one", to="cam001@studio.loc"))
    await camera.hear(Call)
    await camera.say(Hangup(session="one", reason=str(off), said=carried(off)))
    assert (await bob.hear(Hangup)).reason == "Nach Zeitplan aus bis 2026-11-30T07:00:00Z."
    await bob.say(Call(session="two", to="cam001@studio.loc"))
    await camera.hear(Call)
    await camera.leave()
    assert (await bob.hear(Hangup)).reason == "Die Kamera ist nicht mehr verbunden."
    await bob.leave()


def test_an_alert_has_the_cameras_sentences_in_it() -> None:
    broken = say("{name} is silent: check its power and network.", name=say("The IP camera at {place}", place="x.loc"))
    part = PartState("broken", str(broken), carried(broken))
    found = ailments(Status(parts={"camera": part}), "Door")[0]
    with override("de"):
        assert translated(found.text).startswith("Die IP-Kamera unter x.loc schweigt: Prüfen Sie Strom und Netz. Was")


def test_an_older_cameras_words_stay_as_they_are() -> None:
    found = ailments(Status(parts={"camera": PartState("broken", "It hangs.")}), "Door")[0]
    assert found.text.startswith("It hangs. What was recorded before is safe.")
