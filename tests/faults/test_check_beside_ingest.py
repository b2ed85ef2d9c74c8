"""check_storage while footage comes in: what grows just now is no problem, and its repair spoils nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from django.db import connections

from storage.check import check
from storage.volume import Volume
from tests.conftest import Cast
from tests.faults.campaign import Campaign, forms
from tests.faults.uploading import shipping
from tests.storage.footage import Device, Footage

CHUNKS = 4


def problems(repair: bool) -> list[str]:
    with Volume() as volume:
        return [f"{one.code}: {one.words}" for one in check(volume, repair=repair)]


@forms("rounds", 4, 100)
def test_check_beside_ingest(
    campaign: Campaign, lasting_cast: Cast, footage: Footage, settings: Any, tmp_path: Path, rounds: int
) -> None:
    settings.UCAM_DISK_LOW_BYTES, settings.UCAM_MEDIA = 1000, tmp_path / "media"
    device, checks = Device(lasting_cast.device(lasting_cast.camera)), 0
    for number in range(rounds):
        ship = shipping(device, footage, campaign.round(number), CHUNKS)
        for upload in ship.uploads:
            upload.seq += CHUNKS * number

        def work(ship: Any = ship) -> None:
            try:
                ship.finish()
            finally:
                connections.close_all()

        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            assert problems(repair=bool(checks % 2)) == []
            checks += 1
        thread.join()
        assert all(upload.closed for upload in ship.uploads)
        assert problems(repair=False) == []
        campaign.figures["checks"] = checks
