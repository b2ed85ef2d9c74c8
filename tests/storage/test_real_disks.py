"""Real disks that turn read-only (as Linux makes of one that fails) or are full: refused, told, well again."""

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cameras.models import Alert
from storage.check import check
from storage.models import Chunk
from storage.models.chunk import ms_of
from storage.tasks import check_disk, enforce_retention
from storage.volume import Volume
from tests.conftest import Cast
from tests.storage.footage import Device, Footage

ROOM = 4096
Remount = Callable[[str], None]


def mount(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *words], capture_output=True, text=True)


@pytest.fixture
def remount(media: Path, settings: Any) -> Iterator[Remount]:
    """The disk for footage is a file system of its own; called with `ro` or `rw` it becomes that."""
    media.mkdir(mode=0o700)
    made = mount("-t", "tmpfs", "-o", "size=16m,mode=0700", "ucam-test", str(media))
    if made.returncode:
        pytest.skip(f"Nothing can be mounted here: {made.stderr.strip()}")

    def change(how: str) -> None:
        done = mount("-o", f"remount,{how}", str(media))
        assert done.returncode == 0, done.stderr

    yield change
    subprocess.run(["umount", str(media)], check=True)


def open_alerts() -> dict[str, str]:
    return dict(Alert.objects.open().values_list("kind", "level"))


def test_a_disk_that_turned_read_only_takes_nothing_is_told_and_recovers(
    device: Device, footage: Footage, media: Path, remount: Remount
) -> None:
    sent = len(footage.chunk(0, 2))
    url = device.ship(footage.chunk(0, 2), close=False)
    remount("ro")
    for answer in (device.create(2), device.patch(url, sent, footage.fragments[2])):
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_failing")
        assert answer["Retry-After"]
    assert (Chunk.objects.count(), Chunk.objects.get().bytes) == (1, sent)
    check_disk()
    assert open_alerts() == {"storage_failing": "critical"}
    remount("rw")
    assert device.head(url)["Upload-Offset"] == str(sent)
    assert device.patch(url, sent, footage.fragments[2]).status_code == 204
    assert device.create(2).status_code == 201
    check_disk()
    assert open_alerts() == {}
    assert (media / Chunk.objects.get(seq=1).path).read_bytes() == footage.chunk(0, 3)


def test_retention_deletes_what_it_could_not_when_the_disk_can_be_written_again(
    cast: Cast, device: Device, footage: Footage, media: Path, remount: Remount
) -> None:
    device.ship(footage.chunk(0, 2), started_ms=ms_of(timezone.now() - timedelta(days=3)))
    cast.camera.retention_days = 1
    cast.camera.save()
    remount("ro")
    enforce_retention()
    assert len(list(media.rglob("*.mp4"))) == Chunk.objects.count() == 1
    remount("rw")
    enforce_retention()
    assert len(list(media.rglob("*.mp4"))) == Chunk.objects.count() == 0
    with Volume() as volume:
        assert list(check(volume, repair=False)) == []


def test_a_disk_that_is_really_full_confirms_nothing_and_goes_on_with_room(
    device: Device, footage: Footage, media: Path, remount: Remount
) -> None:
    sent = len(footage.chunk(0, 2))
    assert len(footage.fragments[2]) > ROOM, "some of it is written before the disk refuses"
    url = device.ship(footage.chunk(0, 2), close=False)
    ballast, free = media / ".ucam-storage.ballast", os.statvfs(media)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - ROOM)
    answer = device.patch(url, sent, footage.fragments[2])
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_full")
    assert Chunk.objects.get().bytes == sent
    ballast.unlink()
    assert device.patch(url, sent, footage.fragments[2]).status_code == 204
    assert (media / Chunk.objects.get().path).read_bytes() == footage.chunk(0, 3)
