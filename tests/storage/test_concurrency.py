"""Several requests at once, on real threads and a real disk: one row, one file, right bytes."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from storage.check import check
from storage.models import Chunk, Total
from storage.retention import enforce
from storage.volume import Volume
from tests.conftest import Cast
from tests.storage.footage import Device, Footage


@pytest.fixture
def devices(lasting_cast: Cast) -> list[Device]:
    """One camera whose device has lost count and ships over several connections."""
    return [Device(lasting_cast.device(lasting_cast.camera)) for _ in range(6)]


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """The answers of calls that all begin in the same moment."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            gate.wait(10)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_patches_at_once_one_wins(devices: list[Device], footage: Footage, media: Path) -> None:
    url = devices[0].create()["Location"]
    sent = b""
    for number, fragment in enumerate(footage.fragments[:8]):
        piece = (footage.init if not number else b"") + fragment
        answers = at_once([lambda device=device: device.patch(url, len(sent), piece) for device in devices])  # type: ignore[misc] # noqa: B023
        assert sorted(answer.status_code for answer in answers) == [204] + [409] * (len(devices) - 1)
        sent += piece
    chunk = Chunk.objects.get()
    assert (media / chunk.path).read_bytes() == sent
    assert (chunk.bytes, chunk.frames) == (len(sent), 80)
    assert Total.objects.get().bytes == len(sent)


def test_of_creations_at_once_there_is_one_chunk(devices: list[Device], media: Path) -> None:
    answers = at_once([lambda device=device: device.create(clock="unsynchronised") for device in devices])  # type: ignore[misc]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer["Location"] for answer in answers}) == 1
    assert Chunk.objects.count() == 1
    assert [str(file.relative_to(media)) for file in media.rglob("*.mp4")] == [Chunk.objects.get().path]
    assert Total.objects.get().chunks == 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_chunk_begins_though_retention_removes_the_empty_folder_beneath_it(
    devices: list[Device], media: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    removals, really = iter(range(times)), Volume._make_folders

    def made_and_removed(volume: Volume, folder: PurePosixPath) -> int:
        descriptor = really(volume, folder)
        if next(removals, None) is not None:
            volume.sync_folder(str(folder))  # as retention does after the last file of a day
        return descriptor

    monkeypatch.setattr(Volume, "_make_folders", made_and_removed)
    assert devices[0].create().status_code == 201
    assert next(removals, None) is None
    assert (media / Chunk.objects.get().path).exists()


def test_retention_beside_shipping_leaves_nothing_behind(
    lasting_cast: Cast, devices: list[Device], footage: Footage, media: Path
) -> None:
    lasting_cast.camera.max_bytes = 3 * len(footage.chunk(0, 5))
    lasting_cast.camera.save()
    base_ms = int(timezone.now().timestamp() * 1000) - 3_600_000

    def ship(device: Device, first: int) -> None:
        for seq in range(first, first + 8):
            created = device.create(seq, started_ms=base_ms + seq * 5000, boot=f"{first:032x}")
            assert created.status_code == 201, created.content
            content = footage.chunk(0, 5)
            assert device.patch(created["Location"], 0, content, len(content)).status_code == 204

    def delete() -> None:
        for _ in range(20):
            enforce(timezone.now())

    at_once([*(lambda d=d, n=n: ship(d, n) for n, d in zip((1, 20, 40), devices, strict=False)), delete, delete])
    enforce(timezone.now())
    assert Total.objects.get(camera=lasting_cast.camera).bytes <= lasting_cast.camera.max_bytes
    with Volume() as volume:
        assert [problem for problem in check(volume, repair=False) if problem.code != "overlap"] == []
    assert len(list(media.rglob("*.mp4"))) == Chunk.objects.count()
