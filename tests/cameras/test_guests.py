"""Guest links: what their makers may give, what they open, and that nothing else is open to whoever holds one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Session, User
from cameras.models import Alert, Camera, Guest, Location, Membership, Message, Right
from tests.conftest import Cast

JID = "cam001@studio.loc"


def wish(**more: Any) -> dict[str, Any]:
    until = (timezone.now() + timedelta(days=2)).isoformat()
    return {"name": "Jana, police", "cameras": [JID], "live": True, "until": until, "reason": "the break-in"} | more


def hours_ago(hours: float) -> datetime:
    return timezone.now() - timedelta(hours=hours)


def span(begin: float, end: float) -> dict[str, Any]:
    return {"from": hours_ago(begin).isoformat(), "to": hours_ago(end).isoformat()}


def make(cast: Cast, who: User | None = None, **more: Any) -> Any:
    return cast.api(who or cast.alice).post("/api/guests/", wish(**more))


def secret_of(answer: Any) -> str:
    assert answer.status_code == 201, answer.content
    return str(answer.json()["link"].partition("#")[2])


def enter(secret: str) -> APIClient:
    """A browser that opened the link."""
    client = APIClient()
    answer = client.post("/api/guest/", {"link": secret})
    assert answer.status_code == 200, answer.content
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    return client


def guest(cast: Cast, **more: Any) -> APIClient:
    return enter(secret_of(make(cast, **more)))


def test_a_guest_sees_their_cameras_and_who_they_are(cast: Cast) -> None:
    client = guest(cast)
    cameras = client.get("/api/cameras/").json()
    assert [(camera["jid"], camera["may"]) for camera in cameras] == [(JID, ["watch"])]
    assert cameras[0]["watchers"] == []
    assert cameras[0]["status"] is None
    me = client.get("/api/me/").json()
    assert (me["name"], me["places"], me["operator"]) == ("Jana, police", [], False)
    assert me["guest"]["made_by"] == "Alice"
    assert me["guest"]["live"] is True


def test_a_range_without_live_is_a_range_without_live(cast: Cast) -> None:
    client = guest(cast, live=False, **span(3, 2))
    assert client.get(f"/api/cameras/{JID}/").json()["may"] == ["replay"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "cameras/cam001@elsewhere.loc/", 404), ("get", "cameras/cam001@elsewhere.loc/snapshot.jpg", 404),
        ("get", "locations/", 200), ("get", "alerts/", 200), ("get", "messages/", 200), ("get", "holds/", 200),
        ("get", "exports/", 200), ("get", "guests/", 200), ("get", "notices/", 404), ("put", "notices/", 404),
        ("post", "notices/channels/", 404), ("get", f"cameras/{JID}/retention/", 404), ("get", "peers/", 200),
        ("get", f"cameras/{JID}/arrival/", 404), ("post", "admin-session/", 403), ("get", "letter/", 404),
    ],
)  # fmt: skip
def test_nothing_else_is_open(cast: Cast, method: str, path: str, status: int) -> None:
    Alert.objects.raise_("camera_offline", "critical", "Offline", camera=cast.camera)
    said = Message.objects.create(from_jid="alice@example.com", text="psst", sent_at=timezone.now())
    said.locations.add(cast.studio)
    answer = getattr(guest(cast, **span(3, 2)), method)(f"/api/{path}")
    assert answer.status_code == status
    if status == 200 and path != "peers/":
        assert answer.json() == []


def test_a_guest_takes_nothing_away_and_keeps_nothing(cast: Cast) -> None:
    client, begin, end = guest(cast, **span(3, 1)), hours_ago(2).isoformat(), hours_ago(1.5).isoformat()
    assert client.post("/api/exports/", {"cameras": [JID], "from": begin, "to": end}).status_code == 404
    hold = {"camera": JID, "from": begin, "to": end, "reason": "x", "until": hours_ago(-5).isoformat()}
    assert client.post("/api/holds/", hold).status_code == 404
    alert = Alert.objects.raise_("camera_offline", "critical", "Offline", camera=cast.camera)
    assert client.post(f"/api/alerts/{alert.pk}/claim/").status_code == 404
    assert client.post("/api/guests/", wish()).status_code == 404


def test_a_right_at_a_place_gives_a_guest_nothing(cast: Cast) -> None:
    client = guest(cast)
    user = User.objects.get(is_guest=True)
    Membership.objects.create(user=user, location=cast.elsewhere, may_watch=True, may_replay=True, may_operate=True)
    assert [camera["jid"] for camera in client.get("/api/cameras/").json()] == [JID]
    assert not Location.objects.for_user(user).exists()
    for right in (Right.EXPORT, Right.HOLD, Right.OPERATE):
        assert not Camera.objects.may(user, right).exists()


def test_revoking_ends_it_at_once_and_for_good(cast: Cast) -> None:
    answer = make(cast)
    client = enter(secret_of(answer))
    path = f"/api/guests/{answer.json()['id']}/"
    assert cast.api(cast.alice).delete(path).status_code == 204
    assert client.get("/api/cameras/").status_code == 401
    again = APIClient().post("/api/guest/", {"link": secret_of(answer)})
    assert (again.status_code, again.json()["code"]) == (410, "guest_over")
    assert cast.api(cast.alice).delete(path).status_code == 410
    assert cast.api(cast.alice).get("/api/guests/").json()[0]["state"] == "revoked"


def test_the_end_is_the_end_for_open_pages_and_their_refresh_tokens(cast: Cast) -> None:
    secret = secret_of(make(cast))
    pair = APIClient().post("/api/guest/", {"link": secret}).json()
    late = timezone.now() - timedelta(seconds=1)
    Guest.objects.update(ends_at=late)
    User.objects.filter(is_guest=True).update(ends_at=late)
    client = APIClient()
    assert client.post("/api/token/refresh/", {"refresh": pair["refresh"]}).status_code == 401
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    assert client.get("/api/cameras/").status_code == 401
    assert APIClient().post("/api/guest/", {"link": secret}).status_code == 410


@pytest.mark.parametrize("secret", ["", "x", "x" * 200, "' OR 1=1 --"])
def test_a_link_that_is_none_opens_nothing(cast: Cast, secret: str) -> None:
    make(cast)
    assert APIClient().post("/api/guest/", {"link": secret}).status_code in (400, 410)
    assert not Session.objects.filter(user__is_guest=True).exists()


def test_it_never_opens_more_than_its_maker_still_may(cast: Cast) -> None:
    rights = Membership.objects.filter(user=cast.bob)
    rights.update(may_operate=True)
    client = enter(secret_of(make(cast, cast.bob, **span(3, 2))))
    assert client.get(f"/api/cameras/{JID}/").json()["may"] == ["watch", "replay"]
    rights.update(may_watch=False)
    assert client.get(f"/api/cameras/{JID}/").json()["may"] == ["replay"]
    rights.update(may_operate=False)
    assert client.get("/api/cameras/").json() == []
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    assert client.get(f"/api/cameras/{JID}/").status_code == 404


def test_who_may_make_links(cast: Cast) -> None:
    assert make(cast, cast.mallory).status_code == 404
    assert make(cast, cast.bob).status_code == 404
    Membership.objects.filter(user=cast.bob).update(may_operate=True, may_watch=False, replay_hours=1)
    assert make(cast, cast.bob).status_code == 403
    assert make(cast, cast.bob, live=False, **span(3, 2)).status_code == 403
    assert make(cast, cast.bob, live=False, **span(0.9, 0.5)).status_code == 201
    assert make(cast, cast.bob, cameras=["cam001@elsewhere.loc"]).status_code == 404


def test_links_of_other_places_are_not_seen_and_not_revoked(cast: Cast) -> None:
    number = make(cast, cameras=["cam001@elsewhere.loc"]).json()["id"]
    Membership.objects.filter(user=cast.bob).update(may_operate=True)
    assert cast.api(cast.bob).get("/api/guests/").json() == []
    assert cast.api(cast.bob).delete(f"/api/guests/{number}/").status_code == 404
    assert cast.api(cast.mallory).get("/api/guests/").json() == []


def test_of_a_link_over_two_places_each_sees_the_cameras_of_their_own(cast: Cast) -> None:
    make(cast, cameras=[JID, "cam001@elsewhere.loc"])
    Membership.objects.filter(user=cast.bob).update(may_operate=True)
    assert cast.api(cast.bob).get("/api/guests/").json()[0]["cameras"] == [JID]
    assert len(cast.api(cast.alice).get("/api/guests/").json()[0]["cameras"]) == 2


@pytest.mark.parametrize(
    "more",
    [
        {"live": False}, {"name": ""}, {"cameras": []}, {"until": "2020-01-01T00:00:00Z"},
        {"until": "2099-01-01T00:00:00Z"}, {"from": "2026-11-01T00:00:00Z"},
        {"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
        {"from": "2026-01-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
    ],
)  # fmt: skip
def test_a_link_that_makes_no_sense_is_refused_in_words(cast: Cast, more: dict[str, Any]) -> None:
    answer = make(cast, **more)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_the_secret_is_told_once_and_kept_as_a_hash(cast: Cast) -> None:
    secret = secret_of(make(cast))
    assert secret not in cast.api(cast.alice).get("/api/guests/").content.decode()
    assert secret not in str(Guest.objects.values().get())


def test_a_guest_cannot_ask_for_a_sign_in_link(cast: Cast, mailoutbox: list[Any], worker_in_this_process: None) -> None:
    guest(cast)
    email = User.objects.get(is_guest=True).email
    assert APIClient().post("/api/sign-in/", {"email": email}).status_code == 202
    assert mailoutbox == []


def test_everything_is_in_the_audit_trail(cast: Cast) -> None:
    answer = make(cast)
    enter(secret_of(answer)), enter(secret_of(answer))
    cast.api(cast.alice).delete(f"/api/guests/{answer.json()['id']}/")
    trail = list(AuditEntry.objects.order_by("pk").values_list("actor", "action"))
    jid = answer.json()["jid"]
    assert trail == [
        ("alice@example.com", "invite"), (jid, "sign_in"), (jid, "sign_in"), ("alice@example.com", "uninvite"),
    ]  # fmt: skip
    assert cast.api(cast.alice).get("/api/guests/").json()[0]["uses"] == 2
