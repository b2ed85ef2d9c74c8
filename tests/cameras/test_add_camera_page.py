"""The page after adding a camera: a code, three ways, no way in for others."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from cameras.device import enrol
from cameras.models import Camera, DeviceToken, EnrolmentCode, Location
from tests.conftest import Cast

CODE = re.compile(r"[A-Z2-9]{4}(-[A-Z2-9]{4}){3}")
STEPS = ["enrolled", "camera", "encoder", "clock", "fragment", "picture"]


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="sesame.backends.ModelBackend")
    return client


def page(camera: Camera) -> str:
    return f"/admin/cameras/camera/{camera.pk}/enrol/"


def files_of(html: str) -> dict[str, str]:
    found = re.search(r'<script id="card-files" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found
    files: dict[str, str] = json.loads(found[1])
    return files


def new_camera(client: Client, location: Location, local: str) -> dict[str, Any]:
    """What the form holds when it is opened, with the two things that a person fills in."""
    form = client.get("/admin/cameras/camera/add/").context["adminform"].form
    shown = {field.html_name: field.value() for field in form}
    given = {name: value for name, value in shown.items() if value not in (None, False)}
    return given | {"location": location.pk, "local": local}


def test_adding_a_camera_leads_to_its_code_and_three_ways(cast: Cast) -> None:
    client = signed_in(cast.alice)
    answer = client.post("/admin/cameras/camera/add/", new_camera(client, cast.studio, "cam002"))
    html = answer.content.decode()
    camera = Camera.objects.get(local="cam002")
    code = files_of(html)["ucam.toml"].split('code = "')[1].split('"')[0]
    assert CODE.fullmatch(code)
    assert f"/install/ucam.sh | sh -s -- {code}" in html
    assert f"ucam-agent enrol http://127.0.0.1:8000 {code}" in html
    assert set(files_of(html)) >= {"user-data", "network-config", "meta-data", "ucam.toml"}
    assert "<svg" in html
    assert " style=" not in html[html.index('id="enrol"') :]
    assert "no-store" in answer["Cache-Control"]
    assert enrol(code)["jid"] == str(camera.jid)


def test_looking_at_the_page_makes_no_code(cast: Cast) -> None:
    html = signed_in(cast.alice).get(page(cast.camera)).content.decode()
    assert not CODE.search(html)
    assert not EnrolmentCode.objects.exists()


def test_the_button_makes_a_code_and_ends_the_old_one(cast: Cast) -> None:
    old = EnrolmentCode.objects.issue(cast.camera)
    html = signed_in(cast.alice).post(page(cast.camera)).content.decode()
    assert CODE.search(html)
    assert old not in html
    assert EnrolmentCode.objects.count() == 1


def test_the_button_wants_the_forms_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice, backend="sesame.backends.ModelBackend")
    assert client.post(page(cast.camera)).status_code == 403
    assert not EnrolmentCode.objects.exists()


def test_only_operators_see_it(cast: Cast) -> None:
    for person in (cast.bob, cast.mallory):
        answer = signed_in(person).post(page(cast.camera))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")
    assert not EnrolmentCode.objects.exists()


def test_a_camera_that_does_not_exist_has_no_page(cast: Cast) -> None:
    assert signed_in(cast.alice).get("/admin/cameras/camera/999999/enrol/").status_code == 404


def test_the_action_leads_to_the_page_of_one_camera(cast: Cast) -> None:
    client = signed_in(cast.alice)
    chosen: dict[str, Any] = {"action": "enrol", "_selected_action": [cast.camera.pk]}
    assert client.post("/admin/cameras/camera/", chosen)["Location"] == page(cast.camera)
    chosen["_selected_action"].append(cast.foreign.pk)
    assert "Choose one camera" in client.post("/admin/cameras/camera/", chosen, follow=True).content.decode()


def arrival(cast: Cast, person: User | None = None) -> Any:
    return cast.api(person or cast.alice).get("/api/cameras/cam001@studio.loc/arrival/")


def test_a_camera_that_nobody_enrolled_waits(cast: Cast) -> None:
    told = arrival(cast).json()
    assert [step["step"] for step in told["steps"]] == STEPS
    assert {step["state"] for step in told["steps"]} == {"waiting"}
    assert not told["arrived"]


def test_each_step_shows_what_the_camera_says(cast: Cast) -> None:
    DeviceToken.objects.issue(cast.camera)
    parts = {
        "camera": {"state": "ok"},
        "encoder": {"state": "broken", "words": "No encoder."},
        "clock": {"state": "unknown"},
    }
    Camera.objects.filter(pk=cast.camera.pk).update(status={"parts": parts}, status_at=timezone.now())
    states = {step["step"]: (step["state"], step["words"]) for step in arrival(cast).json()["steps"]}
    assert states["enrolled"][0] == "ok"
    assert states["camera"] == ("ok", "Works.")
    assert states["encoder"] == ("trouble", "No encoder.")
    assert states["clock"][0] == states["picture"][0] == "waiting"


def test_footage_and_words_from_before_the_enrolment_do_not_count(cast: Cast) -> None:
    before = timezone.now()
    parts = {"camera": {"state": "ok"}}
    Camera.objects.filter(pk=cast.camera.pk).update(status={"parts": parts}, status_at=before, latest_at=before)
    DeviceToken.objects.issue(cast.camera)
    states = {step["step"]: step["state"] for step in arrival(cast).json()["steps"]}
    assert states == dict.fromkeys(STEPS, "waiting") | {"enrolled": "ok"}
    Camera.objects.filter(pk=cast.camera.pk).update(latest_at=timezone.now())
    assert arrival(cast).json()["steps"][-1]["state"] == "ok"


@pytest.mark.parametrize("name", ["bob", "mallory"])
def test_the_arrival_is_for_who_may_operate(cast: Cast, name: str) -> None:
    assert arrival(cast, getattr(cast, name)).status_code == 404


def test_a_stranger_is_told_to_sign_in(cast: Cast) -> None:
    assert cast.api(None).get("/api/cameras/cam001@studio.loc/arrival/").status_code == 401
