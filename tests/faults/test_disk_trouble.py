"""The disk fails, is full, gone or another one: no success for bytes that are not durable, then all is well again.

By step (disk.py: any call fails with ENOSPC, EIO or EROFS for a while) on camera and storage; by state on storage.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from storage.models import Chunk
from storage.volume import Volume
from tests.conftest import Cast
from tests.faults.campaign import Campaign, forms
from tests.faults.disk import Disk, troubles
from tests.faults.spooling import Life, judge
from tests.faults.uploading import BEGINNINGS, Upload, forget_everything, problems, prove, shipping
from tests.storage.footage import Device, Footage

STEPS = 150
ACTIONS = 14
STATES = ("fine", "fine", "fine", "gone", "other", "full")


@pytest.fixture
def device(cast: Cast, settings: Any) -> Device:
    """A camera, and a disk that is never too small."""
    settings.UCAM_DISK_LOW_BYTES = 1000
    return Device(cast.device(cast.camera))


def storage_once(folder: Path, device: Device, footage: Footage, settings: Any, seed: int, asleep: str = "") -> Any:
    """A few chunks over a disk that fails now and then; then the device goes on."""
    chance = random.Random(seed)
    forget_everything()
    settings.UCAM_MEDIA = folder / "media"
    ship = shipping(device, footage, chance, 2)
    disk = Disk(settings.UCAM_MEDIA, chance, trouble=troubles(chance, STEPS), asleep=asleep)

    def is_durable(upload: Upload) -> None:
        path = Chunk.objects.get(seq=upload.seq).path
        kept = disk.synced(path)[: upload.confirmed]
        assert kept == upload.content[: upload.confirmed], "success for bytes that are not durable"

    ship.on_confirmed = is_durable
    with disk:
        for _ in range(25):
            ship.advance(chance.choice(ship.uploads))
    disk.close()
    ship.on_confirmed = lambda _: None
    assert {problem.code for problem in problems(settings.UCAM_MEDIA)} <= BEGINNINGS
    ship.finish()
    prove(settings.UCAM_MEDIA, ship)
    return ship.codes


@forms("rounds", 15, 1000)
def test_disk_trouble_storage(
    campaign: Campaign, device: Device, footage: Footage, tmp_path: Path, settings: Any, rounds: int
) -> None:
    codes: Counter[int] = Counter()
    for number in range(rounds):
        seed = campaign.round(number).randrange(2**32)
        print(f"round {number}, seed {seed}")
        codes += storage_once(tmp_path / str(number), device, footage, settings, seed)
        campaign.figures["answers"] = dict(sorted(codes.items()))
    assert codes[503]


def test_success_without_fsync_is_caught(device: Device, footage: Footage, tmp_path: Path, settings: Any) -> None:
    with pytest.raises(AssertionError, match="not durable"):
        storage_once(tmp_path, device, footage, settings, 1, asleep="files")


def camera_once(folder: Path, muxed: bytes, seed: int, asleep: str = "") -> Counter[str]:
    """One life on a disk that fails now and then, then one on a good disk."""
    chance = random.Random(seed)
    life = Life(folder / "spool", muxed)
    disk = Disk(life.folder, chance, trouble=troubles(chance, STEPS), asleep=asleep)
    with disk:
        life.run(chance, ACTIONS)
    left = disk.survivors(folder / "left", strict=True)
    disk.close()
    after = Life(left, muxed, "kernel-2", life.ended_ns + 10**9)
    after.run(chance, 2)
    assert after.feed
    judge(life, left, after.feed.gaps())
    return Counter(gap["cause"] for gap in after.feed.gaps())


@forms("rounds", 15, 1000)
def test_disk_trouble_camera(campaign: Campaign, tmp_path: Path, muxed: bytes, rounds: int) -> None:
    causes: Counter[str] = Counter()
    for number in range(rounds):
        seed = campaign.round(number).randrange(2**32)
        print(f"round {number}, seed {seed}")
        causes += camera_once(tmp_path / str(number), muxed, seed)
        campaign.figures["gaps"] = dict(causes)
    assert causes["disk"]


def test_a_camera_without_fsync_is_caught(tmp_path: Path, muxed: bytes) -> None:
    with pytest.raises((AssertionError, ValueError)):
        camera_once(tmp_path, muxed, 1, asleep="files")


class Place:
    """The folder where the disk for footage is mounted."""

    def __init__(self, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.media, self._aside = media, media.with_name("aside")
        self.state = "fine"
        really = os.fstatvfs

        def fstatvfs(descriptor: int) -> Any:
            found = really(descriptor)
            full = SimpleNamespace(f_bavail=0, f_frsize=found.f_frsize, f_blocks=found.f_blocks)
            return full if self.state == "full" else found

        monkeypatch.setattr(os, "fstatvfs", fstatvfs)

    def set(self, state: str) -> None:
        """gone: the bare folder underneath; other: the disk of another installation."""
        if self.state in ("gone", "other"):
            below = {path.name for path in self.media.iterdir()} - {".ucam-storage"}
            assert not below, f"{below} was written where our disk is not"
            (self.media / ".ucam-storage").unlink(missing_ok=True)
            self.media.rmdir()
            self._aside.rename(self.media)
        self.state = state
        if state in ("gone", "other"):
            self.media.rename(self._aside)
            self.media.mkdir()
            if state == "other":
                (self.media / ".ucam-storage").write_text("00000000-0000-0000-0000-000000000000\n")


@forms("rounds", 8, 500)
def test_disk_states(
    campaign: Campaign, device: Device, footage: Footage, tmp_path: Path, settings: Any,
    monkeypatch: pytest.MonkeyPatch, rounds: int,
) -> None:  # fmt: skip
    settings.UCAM_MEDIA = tmp_path / "media"
    place, codes, states = Place(settings.UCAM_MEDIA, monkeypatch), Counter[int](), Counter[str]()
    forget_everything()
    with Volume():
        pass  # this marks the disk as ours
    for number in range(rounds):
        chance = campaign.round(number)
        ship = shipping(device, footage, chance, 2)
        for upload in ship.uploads:
            upload.seq += 10 * number
        for _ in range(12):
            place.set(chance.choice(STATES))
            states[place.state] += 1
            refused, upload = ship.codes[503], chance.choice(ship.uploads)
            code = ship.advance(upload)
            assert place.state == "fine" or not code or ship.codes[503] == refused + 1, f"{code} though {place.state}"
            assert connection.is_usable()
        place.set("fine")
        ship.finish()
        codes += ship.codes
        campaign.figures |= {"answers": dict(sorted(codes.items())), "states": dict(states)}
    assert list(problems(settings.UCAM_MEDIA)) == []
    assert codes[503]
