"""Real footage on a disk of its own with its rows, for benches that touch files: `python -m bench.measure.shelf STEP`.

Run in a process of its own, with UCAM_DATA set: Django's settings are read once a process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from bench.measure.recording import later

HOUR_MS = 3_600_000


def fill(source: Path, chunks: int, step_ms: int, ago_ms: int = 72 * HOUR_MS) -> None:
    """So many chunks, each a copy of one file with its own media times, one after the other up to some time ago."""
    from django.core.management import call_command
    from django.db import transaction
    from django.utils import timezone

    from cameras.models import Camera, Location
    from storage.growth import Growth
    from storage.models import Chunk, Total
    from storage.placing import Place, Told, path_of
    from storage.proof import read
    from storage.volume import Volume

    call_command("migrate", verbosity=0)
    place, _ = Location.objects.get_or_create(domain="studio.loc")
    camera = Camera.objects.create(location=place, local="cam001", retention_days=36_000)
    with source.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        found = read(file.fileno(), 0, size)
    assert found
    content, begun_ms = source.read_bytes(), int(time.time() * 1000) - ago_ms - chunks * step_ms
    now, rows = timezone.now(), []
    with Volume() as volume:
        for number in range(chunks):
            started_ms = begun_ms + number * step_ms
            told = Told("0" * 32, number + 1, 1, started_ms, number * step_ms * 1_000_000, Chunk.Clock.SYNCHRONISED)
            path = path_of(camera, told, Place(started_ms, told.clock, Chunk.Placed.TOLD))
            (volume.root / path).parent.mkdir(parents=True, exist_ok=True)
            ticks = number * step_ms * found.timescale // 1000
            (volume.root / path).write_bytes(later(content, ticks))
            values: dict[str, Any] = {name: getattr(found, name) for name in Growth.__slots__}
            values |= {
                "ended_ms": started_ms + found.ended_ms,
                "first_tfdt": found.first_tfdt + ticks,
            }
            rows.append(Chunk(
                camera=camera, boot=told.boot, seq=told.seq, run=1, told_ms=started_ms, clock=told.clock, placed="told",
                started_mono_ns=told.started_mono_ns, started_ms=started_ms, state="closed", path=path, bytes=size,
                length=size, closed_at=now, **values,
            ))  # fmt: skip
    os.sync()
    with transaction.atomic():
        Chunk.objects.bulk_create(rows, 500)
        Total.objects.create(camera=camera, bytes=size * chunks, ms=found.ended_ms * chunks, chunks=chunks)


def delete_all() -> float:
    """Seconds of one pass of retention that deletes everything."""
    from django.utils import timezone

    from cameras.models import Camera
    from storage import retention
    from storage.models import Chunk

    Camera.objects.update(retention_days=1)
    begun_s = time.perf_counter()
    retention.enforce(timezone.now())
    took_s = time.perf_counter() - begun_s
    assert not Chunk.objects.exists()
    return took_s


def export(hours: float) -> dict[str, float]:
    """Seconds, bytes and peak memory (MiB) of an export of the first hours."""
    import resource

    from django.utils import timezone

    from accounts.models import User
    from cameras.models import Camera
    from storage.export import make
    from storage.models import Chunk, Export

    alice = User.objects.filter(email="alice@example.com").first()
    alice = alice or User.objects.create_user("alice@example.com", is_staff=True, is_superuser=True)
    begin = Chunk.objects.order_by("started_ms").first()
    assert begin
    wish = {"from_ms": begin.started_ms, "to_ms": begin.started_ms + int(hours * HOUR_MS), "exact": False, "reason": ""}
    Export.objects.ask(alice, list(Camera.objects.all()), **wish)
    claimed = Export.objects.claim(timezone.now())
    assert claimed
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun_s = time.perf_counter()
    make(claimed)
    took_s = time.perf_counter() - begun_s
    claimed.refresh_from_db()
    assert claimed.state == "done", claimed.message
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(claimed.file, file=sys.stderr)
    return {"s": took_s, "bytes": float(claimed.bytes or 0), "peak_mib": peak_mib, "more_mib": peak_mib - before_mib}


if __name__ == "__main__":
    import django

    django.setup()
    step, *words = sys.argv[1:]
    answer: Any = None
    if step == "fill":
        fill(Path(words[0]), *map(int, words[1:]))
    elif step == "delete":
        answer = delete_all()
    elif step == "export":
        answer = export(float(words[0]))
    print(json.dumps(answer))
