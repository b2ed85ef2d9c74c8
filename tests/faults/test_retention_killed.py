"""Retention beside playback, holds and late chunks, its process killed in the middle: resumed, no orphan, holds win.

The worker is a fork of this process, so that it is killed exactly between two of its steps, by a real SIGKILL.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone
from rest_framework.test import APIClient

from cameras.models import Camera
from storage import retention
from storage.models import Chunk, Hold
from storage.models.chunk import Doomed, ms_of
from tests.conftest import Cast
from tests.faults.campaign import Campaign, forms
from tests.faults.uploading import forget_everything, problems
from tests.storage.footage import Device, Footage

STEPS = ("unlink", "fsync", "rmdir")
HOUR_MS = 3_600_000
CHUNKS = 6
STEPS_MAX = 45


@pytest.fixture
def place(lasting_cast: Cast, settings: Any) -> Cast:  # settings are put back afterwards
    """bob may replay and hold; footage is kept for a day."""
    settings.UCAM_DISK_LOW_BYTES = 1000
    Camera.objects.filter(pk=lasting_cast.camera.pk).update(retention_days=1)
    return lasting_cast


def worker(kill_at: int) -> int:
    """One pass of retention in a process of its own, which kills itself before its step of this number."""
    connections.close_all()
    child = os.fork()
    if child:
        return child
    try:
        _pass_of_a_worker(kill_at)
    finally:
        os._exit(1)


def _pass_of_a_worker(kill_at: int) -> None:
    left = [kill_at]

    def step() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **options: Any) -> Any:
            step()
            return function(*arguments, **options)

        return stepped

    def query(execute: Callable[..., Any], *rest: Any) -> Any:
        step()
        return execute(*rest)

    for name in STEPS:
        setattr(os, name, before(getattr(os, name)))
    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(query))
        retention.enforce(timezone.now())
    connections.close_all()
    os._exit(0)


def meanwhile(chance: random.Random, bob: APIClient, device: Device, cast: Cast, chunk: bytes, number: int) -> int:
    """What somebody does while retention works; never an error page."""
    camera, chunks = cast.camera.jid, list(Chunk.objects.order_by("started_ms"))
    now = timezone.now()
    span = f"from={_text(now - timedelta(hours=40))}&to={_text(now)}"
    action = chance.randrange(4)
    if action == 0:
        return int(bob.get(f"/api/cameras/{camera}/playlist.m3u8?{span}").status_code)
    if action == 1 and chunks:
        return int(bob.get(f"/api/cameras/{camera}/chunks/{chance.choice(chunks).pk}.mp4").status_code)
    if action == 2:
        return int(bob.get(f"/api/cameras/{camera}/coverage/?{span}").status_code)
    late = ms_of(now) - chance.randint(1, 40) * HOUR_MS
    created = device.create(100 + number, boot=f"{number:032x}", started_ms=late)
    if created.status_code == 201 and not int(created["Upload-Offset"]):
        return int(device.patch(created["Location"], 0, chunk, len(chunk)).status_code)
    return int(created.status_code)


def _text(at: Any) -> str:
    return at.isoformat().replace("+00:00", "Z")


def round_of(cast: Cast, device: Device, bob: APIClient, footage: Footage, media: Path, seed: int) -> Counter[str]:
    """Old and young chunks, a hold, a worker that dies, people who look on; then the next worker."""
    chance, counts = random.Random(seed), Counter[str]()
    settings.UCAM_MEDIA = media
    Hold.objects.all().delete()
    forget_everything()
    now_ms, content = ms_of(timezone.now()), footage.chunk(0, 2)
    for seq in range(1, CHUNKS + 1):
        device.ship(content, seq, started_ms=now_ms - (50 - 6 * seq) * HOUR_MS)
    held = chance.choice(list(Chunk.objects.all()))
    Hold.objects.create(
        camera=cast.camera, owner=cast.alice.email, reason="A broken window.", from_ms=held.started_ms,
        to_ms=held.ended_ms, until=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    child, number = worker(chance.randint(1, STEPS_MAX)), 0
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        code = meanwhile(chance, bob, device, cast, content, number)
        counts[str(code)] += 1
        assert code < 500, f"an error page: {code}"
        number += 1
    counts["killed" if os.WIFSIGNALED(ended[1]) else "came to its end"] += 1
    assert os.WIFSIGNALED(ended[1]) or os.WEXITSTATUS(ended[1]) == 0
    for _ in range(2):
        swept_at = timezone.now()  # what grows too old after that is the next pass's
        retention.enforce(swept_at)
    assert list(problems(media)) == [], "something is left behind"
    assert (media / held.path).read_bytes() == content, "a held chunk is gone"
    kept = Chunk.objects.filter(started_ms__lt=held.ended_ms, ended_ms__gt=held.started_ms)
    too_old = Chunk.objects.exclude(pk__in=kept.values("pk")).filter(ended_ms__lt=ms_of(swept_at) - 24 * HOUR_MS)
    assert not too_old.filter(state=Chunk.State.CLOSED).exists()
    assert len(list(media.rglob("*.mp4"))) == Chunk.objects.count()
    return counts


@forms("kills", 8, 500)
def test_retention_killed(campaign: Campaign, place: Cast, footage: Footage, tmp_path: Path, kills: int) -> None:
    counts: Counter[str] = Counter()
    device, bob = Device(place.device(place.camera)), place.api(place.bob)
    for number in range(kills):
        seed = campaign.round(number).randrange(2**32)
        print(f"round {number}, seed {seed}")
        counts += round_of(place, device, bob, footage, tmp_path / str(number), seed)
        campaign.figures |= counts
    assert counts["killed"]


def test_rows_dropped_before_files_are_caught(
    place: Cast, footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = retention.drop

    def drop_rows_first(volume: Any, chunks: list[Doomed]) -> int:
        count = retention._drop_rows(chunks)
        really(volume, chunks)
        return count

    monkeypatch.setattr(retention, "drop", drop_rows_first)
    device, bob = Device(place.device(place.camera)), place.api(place.bob)
    with pytest.raises(AssertionError, match="left behind"):
        [round_of(place, device, bob, footage, tmp_path / str(seed), seed) for seed in range(14, 74)]
