"""The disk for footage: its marker, its space, its troubles; alerts come and go."""

import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cameras.models import Alert
from storage import guard
from storage.models import Chunk, Installation
from storage.retention import late_after
from storage.tasks import check_disk, enforce_retention
from storage.volume import MARKER, Volume
from tests.conftest import Cast
from tests.storage.footage import Device, Footage


def open_alerts() -> dict[str, str]:
    return dict(Alert.objects.open().values_list("kind", "level"))


def test_the_first_use_marks_an_empty_disk(db: None, media: Path) -> None:
    with Volume():
        pass
    assert (media / MARKER).read_text().strip() == str(Installation.objects.this().uuid)


@pytest.mark.parametrize("trouble", ["gone", "empty", "other", "full of something else"])
def test_another_disk_is_never_written(device: Device, footage: Footage, media: Path, trouble: str) -> None:
    if trouble != "full of something else":
        url = device.ship(footage.chunk(0, 2), close=False)
        shutil.rmtree(media)
    if trouble in ("empty", "full of something else"):
        media.mkdir()
    if trouble == "full of something else":
        (media / "holiday.jpg").write_bytes(b"")
        url = "/api/device/chunks/0123456789abcdef0123456789abcdef-1"
        device.create(1)
    if trouble == "other":
        media.mkdir()
        (media / MARKER).write_text(str(uuid.uuid4()))
    before = sorted(media.rglob("*"))
    answer = device.create(2)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_wrong_disk")
    assert answer["Retry-After"]
    assert device.patch(url, len(footage.chunk(0, 2)), footage.fragments[2]).status_code in (503, 404)
    assert sorted(media.rglob("*")) == before
    check_disk()
    assert open_alerts() == {"storage_wrong_disk": "critical"}
    enforce_retention()
    assert sorted(media.rglob("*")) == before


def test_the_right_disk_back_clears_the_alert(device: Device, footage: Footage, media: Path, tmp_path: Path) -> None:
    url = device.ship(footage.chunk(0, 2), close=False)
    media.rename(tmp_path / "unplugged")
    check_disk()
    assert "storage_wrong_disk" in open_alerts()
    (tmp_path / "unplugged").rename(media)
    check_disk()
    assert open_alerts() == {}
    assert device.patch(url, len(footage.chunk(0, 2)), footage.fragments[2]).status_code == 204


def test_a_new_disk_is_adopted_by_command(device: Device, footage: Footage, media: Path, capsys: Any) -> None:
    device.ship(footage.chunk(0, 1))
    shutil.rmtree(media)
    with pytest.raises(CommandError, match="--adopt-disk"):
        call_command("check_storage")
    call_command("check_storage", "--adopt-disk", "--repair")
    assert "file_missing (mended)" in capsys.readouterr().out
    assert device.create(2).status_code == 201


def test_low_space_is_told_and_taken_back_without_fluttering(db: None, settings: Any) -> None:
    with Volume() as volume:
        free = volume.free_bytes()
    steps = [
        (free // 2, None), (free + 10**9, "warning"), (int(free * 0.98), "warning"), (free * 10, "critical"),
        (int(free * 3.5), "critical"), (int(free * 2), "warning"), (free // 2, None),
    ]  # fmt: skip
    for low, level in steps:
        settings.UCAM_DISK_LOW_BYTES = low
        guard.check(timezone.now())
        assert open_alerts().get("disk_low") == level, (low, level)
    assert Alert.objects.filter(kind="disk_low").count() == 1


def test_below_the_reserve_nothing_is_taken(device: Device, footage: Footage, settings: Any, media: Path) -> None:
    url = device.ship(footage.chunk(0, 2), close=False)
    Installation.objects.this().retention_stamped(timezone.now())
    settings.UCAM_DISK_LOW_BYTES = 2**60
    answer = device.patch(url, len(footage.chunk(0, 2)), footage.fragments[2])
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_full")
    assert device.create(2).status_code == 503
    assert (media / Chunk.objects.get().path).read_bytes() == footage.chunk(0, 2)
    settings.UCAM_DISK_LOW_BYTES = 1000
    assert device.patch(url, len(footage.chunk(0, 2)), footage.fragments[2]).status_code == 204


def test_a_disk_that_cannot_be_written_is_told(db: None, media: Path) -> None:
    with Volume():
        pass
    (media / guard.PROBE).mkdir()
    guard.check(timezone.now())
    assert open_alerts() == {"storage_failing": "critical"}
    (media / guard.PROBE).rmdir()
    guard.check(timezone.now())
    assert open_alerts() == {}


def test_a_file_that_vanished_is_no_success(device: Device, footage: Footage, media: Path) -> None:
    url = device.ship(footage.chunk(0, 2), close=False)
    (media / Chunk.objects.get().path).unlink()
    answer = device.patch(url, len(footage.chunk(0, 2)), footage.fragments[2])
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_failing")


def test_retention_that_stands_still_is_told(cast: Cast) -> None:
    now = timezone.now()
    Installation.objects.this().retention_stamped(now)
    guard.check(now)
    assert open_alerts() == {}
    guard.check(now + 2 * late_after())
    assert open_alerts() == {"retention_stalled": "warning"}
    enforce_retention()
    check_disk()
    assert open_alerts() == {}
