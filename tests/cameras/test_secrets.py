"""An IP camera's password: stored, told to the device alone, shown to nobody."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from cameras.forms import CameraForm
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
SOURCE = {
    "kind": "rtsp", "url": "rtsp://viewer:s3cret@192.168.1.9/live", "transport": "tcp",
    "sub": "rtsp://viewer:s3cret2@192.168.1.9/small",
}  # fmt: skip
SHOWN, SHOWN_SUB = "rtsp://***@192.168.1.9/live", "rtsp://***@192.168.1.9/small"


@pytest.fixture(autouse=True)
def ip_camera(cast: Cast) -> None:
    cast.camera.source = SOURCE
    cast.camera.full_clean()
    cast.camera.save()


def test_the_device_gets_the_whole_url_and_the_operator_a_redacted_one(cast: Cast) -> None:
    source = cast.camera.settings().source
    assert (source.url, source.sub) == (SOURCE["url"], SOURCE["sub"])  # type: ignore[union-attr]
    answer = cast.api(cast.alice).get("/api/cameras/cam001@studio.loc/")
    shown = answer.json()["settings"]["source"]
    assert (shown["url"], shown["sub"]) == (SHOWN, SHOWN_SUB)
    assert "s3cret" not in answer.content.decode() + cast.api(cast.alice).get("/api/cameras/").content.decode()


def test_the_admin_page_does_not_show_the_password(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    page = client.get(reverse("admin:cameras_camera_change", args=[cast.camera.pk]))
    assert page.status_code == 200
    assert SHOWN in page.content.decode()
    assert SHOWN_SUB in page.content.decode()
    assert "s3cret" not in page.content.decode()


@pytest.mark.parametrize(
    ("url", "sub", "stored"),
    [
        (SHOWN, SHOWN_SUB, (SOURCE["url"], SOURCE["sub"])),
        ("rtsp://192.168.1.8/", SHOWN_SUB, ("rtsp://192.168.1.8/", SOURCE["sub"])),
        (SHOWN, "rtsp://192.168.1.9/other", (SOURCE["url"], "rtsp://192.168.1.9/other")),
        (SHOWN, "", (SOURCE["url"], "")),
    ],
)
def test_a_form_saved_unchanged_keeps_the_passwords(cast: Cast, url: str, sub: str, stored: tuple[str, str]) -> None:
    shown = CameraForm(instance=cast.camera)
    data = {name: shown[name].value() for name in shown.fields}
    source = json.dumps({"kind": "rtsp", "url": url, "sub": sub})
    form = CameraForm({**data, "source": source, "audio": "{}"}, instance=cast.camera)
    form.is_valid()
    assert (form.cleaned_data["source"]["url"], form.cleaned_data["source"]["sub"]) == stored
