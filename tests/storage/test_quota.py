"""What one camera may send is bounded, told to it in words and to people by an alert, and goes on later."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cameras.models import Alert
from storage import quota
from storage.models import Chunk, Total
from tests.conftest import Cast
from tests.storage.footage import Device, Footage


@pytest.fixture(autouse=True)
def nobody_sent_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """And so many seconds' worth may come at once that what comes in while a test runs is nothing beside it."""
    monkeypatch.setattr(quota, "PACE", quota.Pace())
    monkeypatch.setattr(quota, "BURST_S", 1000)


def test_too_fast_is_told_with_the_seconds_to_wait(device: Device, footage: Footage, settings: Any) -> None:
    content = footage.chunk()
    settings.UCAM_CAMERA_RATE_BYTES = len(content) // 900
    url = device.create(2)["Location"]
    answers = [device.patch(url, 0, footage.chunk(0, 12)) for _ in range(2)]
    refused = answers[-1]
    assert (refused.status_code, refused.json()["code"]) == (429, "upload_rate")
    assert 1 <= int(refused["Retry-After"]) <= quota.BURST_S
    assert "a second" in refused.json()["message"]


def test_one_camera_does_not_slow_another(cast: Cast, device: Device, footage: Footage, settings: Any) -> None:
    settings.UCAM_CAMERA_RATE_BYTES = 4 * quota.REQUEST_BYTES // quota.BURST_S
    assert 429 in [device.create(seq).status_code for seq in range(1, 7)]
    assert Device(cast.device(cast.foreign)).create(1).status_code == 201


def test_more_than_a_day_may_have_is_refused_and_told_and_the_next_day_is_new(
    cast: Cast, device: Device, footage: Footage, settings: Any
) -> None:
    settings.UCAM_CAMERA_DAY_BYTES = len(footage.chunk(0, 10)) + 10
    device.ship(footage.chunk(0, 10), 1)
    url = device.create(2)["Location"]
    refused = device.patch(url, 0, footage.chunk(0, 2))
    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (429, "upload_quota", "600")
    assert Chunk.objects.get(seq=2).bytes == 0
    alert = Alert.objects.open().get(kind="upload_quota", camera=cast.camera)
    assert "Lower its bitrate" in alert.text
    Total.objects.update(day=timezone.now().date() - timedelta(days=1))
    assert device.create(2).status_code == 201
    assert device.patch(url, 0, footage.chunk(0, 2)).status_code == 204
    assert not Alert.objects.open().exists()
    assert Total.objects.get().day_bytes == len(footage.chunk(0, 2))


def test_chunks_without_end_are_refused(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "OPEN_MAX", 3)
    assert [device.create(seq).status_code for seq in range(1, 6)] == [201, 201, 201, 429, 429]
