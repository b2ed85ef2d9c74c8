"""Who may see what: nothing, unless a row says so."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cameras.models import Alert, Camera, Guest, Location, Membership, Message, Right
from tests.conftest import Cast


def jids(answer: object) -> list[str]:
    """The JIDs of a list of cameras."""
    return [camera["jid"] for camera in answer.json()]  # type: ignore[attr-defined]


def test_everybody_sees_their_own_places_and_operators_all(cast: Cast) -> None:
    assert jids(cast.api(cast.alice).get("/api/cameras/")) == ["cam001@elsewhere.loc", "cam001@studio.loc"]
    assert jids(cast.api(cast.bob).get("/api/cameras/")) == ["cam001@studio.loc"]
    assert jids(cast.api(cast.mallory).get("/api/cameras/")) == []


def test_a_foreign_camera_answers_like_one_that_does_not_exist(cast: Cast) -> None:
    client = cast.api(cast.bob)
    foreign, missing, rubbish = (
        client.get(f"/api/cameras/{jid}/") for jid in ("cam001@elsewhere.loc", "cam999@studio.loc", "no jid at all")
    )
    assert foreign.status_code == missing.status_code == rubbish.status_code == 404
    assert foreign.json() == missing.json() == rubbish.json()


@pytest.mark.parametrize(
    "path",
    ["me/", "locations/", "cameras/", "cameras/cam001@studio.loc/", "peers/", "alerts/", "messages/", "admin-session/"],
)
def test_nobody_sees_anything_without_signing_in(cast: Cast, path: str) -> None:
    assert cast.api(None).get(f"/api/{path}").status_code == 401
    assert cast.device(cast.camera).get(f"/api/{path}").status_code == 401


def test_settings_are_for_who_may_operate(cast: Cast) -> None:
    assert "settings" not in cast.api(cast.bob).get("/api/cameras/cam001@studio.loc/").json()
    Membership.objects.filter(user=cast.bob).update(may_operate=True)
    assert cast.api(cast.bob).get("/api/cameras/cam001@studio.loc/").json()["settings"]["chunk_s"] == 300


def test_a_membership_without_rights_is_no_membership(cast: Cast) -> None:
    Membership.objects.create(user=cast.mallory, location=cast.studio)
    assert jids(cast.api(cast.mallory).get("/api/cameras/")) == []
    assert not Location.objects.for_user(cast.mallory).exists()


@pytest.mark.parametrize("right", list(Right))
def test_a_right_holds_where_it_was_given_and_nowhere_else(cast: Cast, right: Right) -> None:
    Membership.objects.create(user=cast.mallory, location=cast.studio, **{f"may_{right}": True})
    assert list(Camera.objects.may(cast.mallory, right)) == [cast.camera]
    for other in set(Right) - {right}:
        assert not Camera.objects.may(cast.mallory, other).exists()


def test_alerts_and_messages_stay_in_their_place(cast: Cast) -> None:
    Alert.objects.raise_("camera_offline", "warning", "Offline", camera=cast.foreign)
    Alert.objects.raise_("disk_low", "critical", "Disk is filling")
    said = Message.objects.create(from_jid="alice@example.com", text="psst", sent_at=cast.camera.created_at)
    said.locations.add(cast.elsewhere)
    for path, count in (("alerts/", 2), ("messages/", 1)):
        assert len(cast.api(cast.alice).get(f"/api/{path}").json()) == count
        assert cast.api(cast.bob).get(f"/api/{path}").json() == []


def test_a_private_message_is_for_two(cast: Cast) -> None:
    words = {"from_jid": "alice@example.com", "to_jid": "bob@example.com", "text": "psst"}
    Message.objects.create(**words, sent_at=cast.camera.created_at)
    assert len(cast.api(cast.bob).get("/api/messages/").json()) == 1
    assert len(cast.api(cast.alice).get("/api/messages/").json()) == 1
    assert cast.api(cast.mallory).get("/api/messages/").json() == []


@pytest.mark.parametrize("number", ["x", "-1", "9" * 30, "1;drop"])
def test_a_page_that_is_no_number_gets_a_sentence(cast: Cast, number: str) -> None:
    answer = cast.api(cast.bob).get("/api/messages/", {"before": number})
    assert answer.status_code == 400
    assert "number" in answer.json()["message"]


@pytest.mark.parametrize("who", ["alice", "bob", "guest"])
def test_a_hundred_cameras_cost_no_more_queries_than_one(
    cast: Cast, who: str, django_assert_max_num_queries: Any
) -> None:
    cameras = [cast.camera, *(Camera.objects.create(location=cast.studio, local=f"more{n}") for n in range(30))]
    person = cast.alice if who == "alice" else cast.bob
    if who == "guest":
        until = timezone.now() + timedelta(days=1)
        guest, _ = Guest.objects.invite(cast.alice, "Gil", cameras, live=True, from_=None, to=None, ends_at=until)
        person = guest.user
    api = cast.api(person)
    with django_assert_max_num_queries(20):
        told = api.get("/api/cameras/").json()
    mine = [one for one in told if one["location"] == "studio.loc"]
    rights = {"alice": 5, "bob": 2, "guest": 1}[who]
    assert [len(one["may"]) for one in mine] == [rights] * 31
