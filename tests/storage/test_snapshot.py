"""Stills from stored footage, decoded by the real GStreamer."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cameras.models import Membership
from storage import retention, snapshot
from storage.models import Chunk
from storage.models.chunk import ms_of
from tests.conftest import Cast
from tests.storage.footage import DAY, Device, Footage

URL = "/api/cameras/cam001@studio.loc/snapshot.jpg"


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, settings: Any) -> Path:
    settings.UCAM_DATA = tmp_path
    return tmp_path / "cache" / "stills"


def test_the_newest_keyframe_is_a_jpeg(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    answer = cast.api(cast.bob).get(URL, HTTP_ACCEPT="image/jpeg")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer["X-Ucam-At"] == f"{DAY}T10:00:04.000Z"
    assert answer["Cache-Control"].startswith("private")
    assert answer.content[:2] == b"\xff\xd8"
    assert answer.content[-2:] == b"\xff\xd9"


def test_an_instant_gets_the_keyframe_before_it(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    api = cast.api(cast.bob)
    assert api.get(f"{URL}?at={DAY}T10:00:02.700Z")["X-Ucam-At"] == f"{DAY}T10:00:02.000Z"
    assert api.get(f"{URL}?at={DAY}T10:09:00Z")["X-Ucam-At"] == f"{DAY}T10:00:04.000Z"
    early = api.get(f"{URL}?at={DAY}T09:00:00Z")
    assert (early.status_code, early.json()["code"]) == (404, "nothing_stored")
    assert api.get(f"{URL}?at=noon").status_code == 400


def test_a_still_is_decoded_once(cast: Cast, device: Device, footage: Footage, cache_folder: Path) -> None:
    device.ship(footage.chunk(0, 5))
    first = cast.api(cast.bob).get(URL).content
    (file,) = cache_folder.iterdir()
    file.write_bytes(b"kept")
    assert cast.api(cast.bob).get(URL).content == b"kept"
    assert first != b"kept"


def test_the_cache_is_bounded(
    cast: Cast, device: Device, footage: Footage, cache_folder: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(snapshot, "CACHE_FILES", 3)
    device.ship(footage.chunk(0, 8))
    for second in range(8):
        cast.api(cast.bob).get(f"{URL}?at={DAY}T10:00:0{second}Z")
    assert len(list(cache_folder.iterdir())) <= 3


def test_pictures_of_deleted_footage_are_deleted(
    cast: Cast, device: Device, footage: Footage, cache_folder: Path
) -> None:
    for seq, days in enumerate((cast.camera.retention_days + 1, 1), 1):
        at = timezone.now() - timedelta(days=days)
        device.ship(footage.chunk(0, 2), seq, started_ms=ms_of(at))
        assert cast.api(cast.bob).get(URL, {"at": (at + timedelta(seconds=1)).isoformat()}).status_code == 200
    assert len(list(cache_folder.iterdir())) == 2
    retention.enforce(timezone.now())
    (left,) = cache_folder.iterdir()
    assert left.name.startswith(f"{Chunk.objects.get().pk}-")


def test_footage_that_cannot_be_decoded_is_said_in_words(cast: Cast, device: Device, footage: Footage) -> None:
    head, _, media = footage.fragments[0].partition(b"mdat")
    device.ship(footage.init + head + b"mdat" + bytes(len(media)))
    answer = cast.api(cast.bob).get(URL)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_failing")


def test_pictures_of_others_do_not_exist(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 2))
    assert cast.api(cast.mallory).get(URL).status_code == 404
    assert cast.api(None).get(URL).status_code == 401
    Membership.objects.update(may_replay=False)
    assert cast.api(cast.bob).get(URL).status_code == 404


def test_who_may_see_the_last_hours_gets_no_older_picture(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 2), started_ms=ms_of(timezone.now() - timedelta(hours=5)))
    assert cast.api(cast.bob).get(URL).status_code == 200
    Membership.objects.update(replay_hours=2)
    assert cast.api(cast.bob).get(URL).json()["code"] == "nothing_stored"
