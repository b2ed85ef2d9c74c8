"""Footage, a device of the cast's camera, and a disk of its own for each test."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import api, exports
from tests.conftest import Cast
from tests.storage.footage import Device, Footage, make_footage

EVER = timedelta(days=365 * 100)


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """20 s of the test picture, 1 s a fragment."""
    return make_footage(tmp_path_factory.mktemp("footage") / "ball.mp4", 20)


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    """An empty disk for footage; the limits are those of a disk that is never too small for a test."""
    settings.UCAM_MEDIA = tmp_path / "media"
    settings.UCAM_DISK_LOW_BYTES = 1000
    return tmp_path / "media"


@pytest.fixture(autouse=True)
def one_row_of_the_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all that a test looks at: no ten minutes end in the middle of it."""
    monkeypatch.setattr(api, "ONE_VIEW", EVER)
    monkeypatch.setattr(exports, "ONE_FETCH", EVER)


@pytest.fixture
def device(cast: Cast) -> Device:
    """The camera cam001@studio.loc."""
    return Device(cast.device(cast.camera))
