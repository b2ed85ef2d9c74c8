"""The power fails while storage takes footage or deletes it: what it had confirmed is there afterwards.

The real doors run in this process on a disk that forgets (disk.py). The database counts as durable at each commit,
which SQLite promises with `synchronous=FULL` and PostgreSQL by default.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from storage.errors import StorageAway
from storage.retention import finish
from storage.volume import Volume
from tests.conftest import Cast
from tests.faults.campaign import Campaign, forms
from tests.faults.disk import Disk, PowerCut
from tests.faults.uploading import BEGINNINGS, Shipping, forget_everything, problems, prove, shipping
from tests.storage.footage import Device, Footage

STEPS_MAX = 160


@pytest.fixture
def device(lasting_cast: Cast, settings: Any) -> Device:
    """A camera, and a disk that is never too small."""
    settings.UCAM_DISK_LOW_BYTES = 1000
    return Device(lasting_cast.device(lasting_cast.camera))


def work(ship: Shipping, chance: random.Random) -> None:
    """Fragments as they come, some of them twice, and a chunk that retention deletes now and then."""
    for _ in range(30):
        upload = chance.choice(ship.uploads)
        if chance.random() < 0.15:
            ship.delete()
        elif chance.random() < 0.1 and upload.url:
            ship.send(upload, 0, upload.content)
        elif ship.advance(upload) in (403, 410):
            upload.deleted = True


def cut_once(folder: Path, device: Device, footage: Footage, settings: Any, seed: int, *, asleep: str = "") -> Shipping:
    """Storage works until a random step, comes back on what is left, and the device goes on."""
    chance = random.Random(seed)
    forget_everything()
    settings.UCAM_MEDIA = folder / "media"
    ship = shipping(device, footage, chance, 3)
    cut_at = None if asleep else chance.randint(1, STEPS_MAX)
    disk = Disk(settings.UCAM_MEDIA, chance, cut_at=cut_at, asleep=asleep)
    try:
        with disk:
            work(ship, chance)
    except PowerCut:
        connection.close()
    settings.UCAM_MEDIA = disk.survivors(folder / "left", strict=bool(asleep) or chance.random() < 0.3)
    disk.close()
    with Volume() as volume:
        finish(volume)
    assert {problem.code for problem in problems(settings.UCAM_MEDIA)} <= BEGINNINGS
    list(problems(settings.UCAM_MEDIA, repair=True))
    ship.finish()
    prove(settings.UCAM_MEDIA, ship)
    return ship


@forms("cuts", 15, 1000)
def test_power_cut_storage(
    campaign: Campaign, tmp_path: Path, device: Device, footage: Footage, settings: Any, cuts: int
) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA synchronous").fetchone() == (2,), "a commit must be durable"
    codes: Counter[int] = Counter()
    for number in range(cuts):
        seed = campaign.round(number).randrange(2**32)
        print(f"round {number}, seed {seed}")
        codes += cut_once(tmp_path / str(number), device, footage, settings, seed).codes
        campaign.figures["answers"] = dict(sorted(codes.items()))
    assert codes[204] > cuts


@pytest.mark.parametrize("asleep", ["files", "folders"])
def test_without_fsync_the_campaign_fails(
    tmp_path: Path, device: Device, footage: Footage, settings: Any, asleep: str
) -> None:
    for number in range(3):
        with pytest.raises((AssertionError, StorageAway)):
            cut_once(tmp_path / str(number), device, footage, settings, number, asleep=asleep)
