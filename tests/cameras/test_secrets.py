"""An IP camera's password: stored, told to the device alone, shown to nobody."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from cameras.forms import CameraForm
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
SOURCE = {"kind": "rtsp", "url": "rtsp://viewer:s3cret@192.168.1.9/live", "transport": "tcp"}


@pytest.fixture(autouse=True)
def ip_camera(cast: Cast) -> None:
    cast.camera.source = SOURCE
    cast.camera.full_clean()
    cast.camera.save()


def test_the_device_gets_the_whole_url_and_the_operator_a_redacted_one(cast: Cast) -> None:
    assert cast.camera.settings().source.url == SOURCE["url"]  # type: ignore[union-attr]
    answer = cast.api(cast.alice).get("/api/cameras/cam001@studio.loc/")
    assert answer.json()["settings"]["source"]["url"] == "rtsp://***@192.168.1.9/live"
    assert "s3cret" not in answer.content.decode() + cast.api(cast.alice).get("/api/cameras/").content.decode()


def test_the_admin_page_does_not_show_the_password(cast: Cast, client: Client) -> None:
    client.force_login(cast.alice)
    page = client.get(reverse("admin:cameras_camera_change", args=[cast.camera.pk]))
    assert page.status_code == 200
    assert "rtsp://***@192.168.1.9/live" in page.content.decode()
    assert "s3cret" not in page.content.decode()


@pytest.mark.parametrize(
    ("url", "stored"),
    [("rtsp://***@192.168.1.9/live", SOURCE["url"]), ("rtsp://192.168.1.8/", "rtsp://192.168.1.8/")],
)
def test_a_form_saved_unchanged_keeps_the_password(cast: Cast, url: str, stored: str) -> None:
    shown = CameraForm(instance=cast.camera)
    data = {name: shown[name].value() for name in shown.fields}
    form = CameraForm({**data, "source": f'{{"kind": "rtsp", "url": "{url}"}}', "audio": "{}"}, instance=cast.camera)
    form.is_valid()
    assert form.cleaned_data["source"]["url"] == stored
