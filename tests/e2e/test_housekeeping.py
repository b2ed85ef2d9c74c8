"""Retention and the disk guard by the real Celery worker, as people see them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.e2e

CHUNKS = "from storage.models import Chunk; from cameras.models import Camera; "


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Housekeeping every two seconds, and a warning at a little less free space than there is now."""
    folder = tmp_path_factory.mktemp("product")
    env = {
        "UCAM_RETENTION_EVERY_S": "2",
        "UCAM_DISK_EVERY_S": "2",
        "UCAM_DISK_LOW_BYTES": str(int(shutil.disk_usage(folder).free * 0.87)),
    }
    settings = {"source": {"kind": "test"}, "width": 320, "height": 240, "fps": 10, "bitrate_kbit": 300, "chunk_s": 10}
    with Stack(folder, settings=settings, env=env) as running:
        yield running


def closed(stack: Stack) -> list[Path]:
    """Files of complete chunks on storage, the oldest first: all but the newest."""
    return sorted((stack.data / "media").rglob("*.mp4"), key=lambda path: path.name)[:-1]


def there(stack: Stack, path: Path) -> bool:
    """Whether the chunk is on storage. Its file may lie elsewhere by now: boot and number stay."""
    name = path.name.partition("_")[0]
    return any((stack.data / "media").rglob(f"{name}_*.mp4"))


def test_chunks_older_than_the_cameras_days_are_deleted_and_younger_ones_stay(stack: Stack) -> None:
    until(lambda: len(closed(stack)) >= 2, "two chunks are complete", 60)
    old, young = closed(stack)[:2]
    until(
        lambda: stack.shell(f"{CHUNKS}print(Chunk.objects.deletable().count() >= 2)") == "True",
        "closed",
        20,
    )
    month = 40 * 86_400_000
    oldest = "Chunk.objects.deletable()[:1].values('pk')"
    stack.shell(
        f"{CHUNKS}from django.db.models import F; c = Chunk.objects.filter(pk__in=[r['pk'] for r in {oldest}]); "
        f"c.update(started_ms=F('started_ms') - {month}, ended_ms=F('ended_ms') - {month}, clock='synchronised')",
    )  # fmt: skip
    until(lambda: not there(stack, old), "the old chunk is deleted", 20)
    assert there(stack, young)


def test_the_oldest_chunks_go_when_a_camera_has_used_up_its_space(stack: Stack) -> None:
    until(lambda: len(closed(stack)) >= 3, "three chunks are complete", 60)
    first = closed(stack)[0]
    limit = sum(path.stat().st_size for path in closed(stack)[-2:])
    stack.shell(f"{CHUNKS}Camera.objects.update(max_bytes={limit})")
    until(lambda: not there(stack, first), "the oldest chunk is deleted", 20)
    newest = max(path.stat().st_size for path in closed(stack))
    until(lambda: sum(path.stat().st_size for path in closed(stack)) <= limit + newest, "the space is kept", 20)


def test_a_filling_disk_is_told_and_its_end_too(stack: Stack, browser: Browser) -> None:
    page = sign_in(browser, stack, "alice@example.com", "/alerts/")
    alert = page.locator("#raised, #claimed").get_by_text(re.compile("disk for footage is getting full", re.IGNORECASE))
    expect(alert).to_have_count(0)
    ballast = stack.folder / "ballast"
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, int(shutil.disk_usage(stack.folder).free * 0.2))
    try:
        expect(alert).to_be_visible(timeout=20_000)
    finally:
        ballast.unlink()
    expect(alert).to_have_count(0, timeout=20_000)
    expect(page.locator("#cleared")).to_contain_text(re.compile("disk for footage", re.IGNORECASE))
    page.context.close()
