"""Old footage goes: by age, by space, for the disk's reserve; whatever happens in between."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from storage import disk, retention
from storage.models import Chunk, DeletedUpTo, Installation, Total
from storage.models.chunk import ms_of
from storage.tasks import enforce_retention
from storage.volume import Volume
from tests.conftest import Cast
from tests.storage.footage import BOOT, Device, Footage


@pytest.fixture
def shipped(device: Device, footage: Footage) -> list[str]:
    """Six chunks, the first 60 h old, each further one 10 h younger."""
    now = ms_of(timezone.now())
    content = footage.chunk(0, 2)
    return [device.ship(content, seq, started_ms=now - (70 - 10 * seq) * 3_600_000) for seq in range(1, 7)]


def left() -> list[int]:
    return list(Chunk.objects.order_by("seq").values_list("seq", flat=True))


def files(media: Path) -> int:
    return len(list(media.rglob("*.mp4")))


def keep(cast: Cast, **limits: int) -> None:
    for key, value in limits.items():
        place = cast.studio if key.startswith("location_") else cast.camera
        setattr(place, key.removeprefix("location_"), value)
        place.save()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"retention_days": 2}, [3, 4, 5, 6]),
        ({"retention_days": 1}, [5, 6]),
        ({"retention_days": 30}, [1, 2, 3, 4, 5, 6]),
        ({"retention_days": 30, "location_retention_days": 1}, [5, 6]),
        ({"retention_days": 1, "location_retention_days": 30}, [5, 6]),
    ],
)  # fmt: skip
def test_by_age_the_strictest_wins(
    cast: Cast, shipped: list[str], media: Path, limits: dict[str, int], expected: list[int]
) -> None:
    keep(cast, **limits)
    retention.enforce(timezone.now())
    assert left() == expected
    assert files(media) == len(expected)


@pytest.mark.parametrize("key", ["max_bytes", "location_max_bytes"])
def test_by_space_the_oldest_go(cast: Cast, shipped: list[str], footage: Footage, media: Path, key: str) -> None:
    keep(cast, **{key: 2 * len(footage.chunk(0, 2))})
    retention.enforce(timezone.now())
    assert (left(), files(media)) == ([5, 6], 2)
    total = Total.objects.get(camera=cast.camera)
    assert (total.chunks, total.bytes, total.ms) == (2, 2 * len(footage.chunk(0, 2)), 4000)


def test_for_the_reserve_the_oldest_of_all_go(
    cast: Cast, shipped: list[str], footage: Footage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(footage.chunk(0, 2))
    settings.UCAM_DISK_LOW_BYTES = 20 * size
    with Volume() as volume:
        monkeypatch.setattr(Volume, "free_bytes", lambda self: disk.reserve(volume.size_bytes(), 20 * size) - 3 * size)
        retention.enforce(timezone.now())
    assert left() == [4, 5, 6]


def test_an_open_chunk_is_never_deleted(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 2), close=False, started_ms=ms_of(timezone.now() - timedelta(days=90)))
    keep(cast, max_bytes=1)
    retention.enforce(timezone.now())
    assert left() == [1]


def test_an_abandoned_chunk_is_closed_and_goes_on_when_its_camera_comes_back(
    device: Device, footage: Footage, media: Path
) -> None:
    content = footage.chunk(0, 3)
    url = device.ship(content[:-100], close=False)
    Chunk.objects.update(appended_at=timezone.now() - timedelta(days=2))
    retention.enforce(timezone.now())
    chunk = Chunk.objects.get()
    assert (chunk.state, chunk.bytes) == ("closed", len(footage.chunk(0, 2)))
    assert (media / chunk.path).stat().st_size == chunk.bytes == Total.objects.get().bytes
    offset = int(device.head(url)["Upload-Offset"])
    assert device.patch(url, offset, content[offset:], len(content)).status_code == 204
    assert Chunk.objects.get().frames == 30


def test_what_a_camera_adds_while_its_abandoned_chunk_is_being_closed_stays(
    device: Device, footage: Footage, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = footage.chunk(0, 3)
    url = device.ship(content[:-100], close=False)
    Chunk.objects.update(appended_at=timezone.now() - timedelta(days=2))
    codes: list[int] = []

    def add(*words: Any, **more: Any) -> None:
        """In the midst of it, its row is closed and its file is not: then the camera comes."""
        if not codes:
            codes.append(0)
            offset = Chunk.objects.get().bytes
            codes.append(device.patch(url, offset, content[offset:], len(content)).status_code)

    monkeypatch.setattr(Total.objects, "add", add)
    retention.enforce(timezone.now())
    assert codes[1] in (204, 409)
    chunk = Chunk.objects.get()
    assert (media / chunk.path).stat().st_size == chunk.bytes


def test_shipping_a_deleted_chunk_is_told_to_stop(cast: Cast, device: Device, shipped: list[str]) -> None:
    keep(cast, retention_days=1)
    retention.enforce(timezone.now())
    assert device.head(shipped[0]).status_code == 410
    answer = device.patch(shipped[1], 0, b"more")
    assert (answer.status_code, answer.json()["code"]) == (410, "chunk_deleted")
    assert device.create(2).status_code == 410
    assert device.head(shipped[5]).status_code == 200
    assert device.create(7).status_code == 201
    assert DeletedUpTo.objects.highest(cast.camera.pk, BOOT) == 4


class Killed(BaseException):
    """The process ends here."""


def test_a_pass_that_was_killed_is_completed_by_the_next(
    cast: Cast, device: Device, footage: Footage, media: Path
) -> None:
    now = ms_of(timezone.now())
    for seq in range(1, 4):
        device.ship(footage.chunk(0, 2), seq, started_ms=now - (5 - seq) * 86_400_000)
    keep(cast, retention_days=1)
    patch = pytest.MonkeyPatch()
    for owner, name in ((Volume, "unlink"), (Volume, "sync_folder"), (retention, "_drop_rows")):

        def die(*args: Any) -> None:
            raise Killed

        patch.setattr(owner, name, die)
        with pytest.raises(Killed):
            retention.enforce(timezone.now())
        patch.undo()
        assert not Chunk.objects.filter(state="closed", started_ms__lt=now - 86_400_000).exists()
    retention.enforce(timezone.now())
    assert (left(), files(media)) == ([], 0)
    total = Total.objects.get(camera=cast.camera)
    assert (total.bytes, total.ms, total.chunks) == (0, 0, 0)
    cast.camera.refresh_from_db()
    assert cast.camera.latest_at is None


def test_the_task_leaves_its_stamp(cast: Cast, shipped: list[str]) -> None:
    keep(cast, retention_days=1)
    enforce_retention()
    assert left() == [5, 6]
    stamp = Installation.objects.this().retention_at
    assert stamp is not None
    assert timezone.now() - stamp < timedelta(seconds=30)


def test_when_retention_stands_still_ingest_makes_room_itself(
    cast: Cast, device: Device, shipped: list[str], footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = footage.chunk(0, 2)
    keep(cast, retention_days=1)
    monkeypatch.setattr(Volume, "free_bytes", lambda self: 0 if Chunk.objects.count() > 3 else 10**12)
    answer = device.create(7)
    assert answer.status_code == 201
    assert device.patch(answer["Location"], 0, content, len(content)).status_code == 204
    assert left() == [5, 6, 7]
