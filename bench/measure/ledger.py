"""A server whose ledger has years of ten cameras. Rows only: no page that is measured here opens a file.

python -m bench.measure.ledger YEARS      fills the database of UCAM_DATA and prints what a client needs, as JSON
python -m bench.measure.ledger --tasks    prints the seconds that each task of the clock takes, as JSON
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CAMERAS, CHUNK_MS, FRAGMENT_MS, DAY_MS = 10, 300_000, 2000, 86_400_000
FRAGMENT_BYTES, INIT_BYTES = 500_000, 900
BOOT_CHUNKS = 8640  # a camera is started anew once a month
RICH_DAYS = 3  # so many newest days have their index of fragments; older rows have one of a single fragment
HOLE_EVERY = 500


@dataclass(frozen=True, slots=True)
class Ledger:
    """A running server: its address, an operator's token, begin and end of what is stored, ms since 1970."""

    url: str
    access: str
    began_ms: int
    ended_ms: int


@contextmanager
def ledger(folder: Path, years: float) -> Iterator[Ledger]:
    """Redis, database and web server for as long as the block lasts."""
    data = folder / f"years-{years}"
    data.mkdir(mode=0o700)
    env = environment(data)
    with ExitStack() as stack:
        stack.enter_context(
            running(["redis-server", "--port", "0", "--unixsocket", str(data / "r"), "--save", ""], env)
        )
        facts = json.loads(python(env, "-m", "bench.measure.ledger", str(years)).splitlines()[-1])
        port = free_port()
        web = ["-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), "ucam.asgi:application"]
        stack.enter_context(running([sys.executable, *web], env))
        until_open(port)
        yield Ledger(f"http://127.0.0.1:{port}", **facts)


def tasks(folder: Path, years: float) -> dict[str, float]:
    """Seconds of each task on a ledger that was filled before."""
    env = environment(folder / f"years-{years}")
    return dict(json.loads(python(env, "-m", "bench.measure.ledger", "--tasks").splitlines()[-1]))


def environment(data: Path) -> dict[str, str]:
    """Of a server that lives in a folder."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("UCAM_")}
    return env | {
        "UCAM_DATA": str(data), "REDIS_URL": f"unix://{data / 'r'}?db=0", "DJANGO_SETTINGS_MODULE": "ucam.settings",
        "UCAM_DISK_LOW_BYTES": "1000",
    }  # fmt: skip


def python(env: dict[str, str], *arguments: str) -> str:
    """What a Python of ours prints."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return done.stdout


@contextmanager
def running(command: list[str], env: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def until_open(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        with closing(socket.socket()) as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise TimeoutError("the web server did not start within 30 s")
        time.sleep(0.05)


def fill(years: float) -> dict[str, Any]:
    """The rows, by the database itself: as many by the ORM would take an hour."""
    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from accounts.models import Session, User
    from accounts.tokens import issue
    from cameras.models import Camera, Location
    from storage.models import Chunk, Total
    from storage.volume import Volume

    call_command("migrate", verbosity=0)
    place = Location.objects.create(domain="studio.loc")
    cameras = [
        Camera.objects.create(location=place, local=f"cam{number:03d}", retention_days=36_000)
        for number in range(1, CAMERAS + 1)
    ]
    with Volume():
        pass
    ended_ms = int(time.time() * 1000) // CHUNK_MS * CHUNK_MS - CHUNK_MS
    count = int(years * 365 * DAY_MS / CHUNK_MS)
    model = Chunk(closed_at=timezone.now(), created_at=timezone.now(), appended_at=timezone.now())
    fields = Chunk._meta.local_concrete_fields
    columns = ", ".join(f'"{field.column}"' for field in fields if not field.primary_key)
    marks = ", ".join("%s" for field in fields if not field.primary_key)
    for camera in cameras:
        with connection.cursor() as cursor:
            rows = _rows(model, fields, camera.pk, count, ended_ms)
            while batch := list(islice(rows, 10_000)):
                cursor.executemany(f"INSERT INTO storage_chunk ({columns}) VALUES ({marks})", batch)
        size = FRAGMENT_BYTES * CHUNK_MS // FRAGMENT_MS
        Total.objects.create(camera=camera, bytes=count * size, ms=count * CHUNK_MS, chunks=count)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    alice = User.objects.create_user("alice@example.com", is_staff=True, is_superuser=True)
    session, refresh = Session.objects.begin(alice, "bench", timezone.now())
    access = issue(session, refresh).access
    return {"access": access, "began_ms": ended_ms - count * CHUNK_MS, "ended_ms": ended_ms}


def _rows(model: Any, fields: Any, camera_id: int, count: int, ended_ms: int) -> Iterator[list[Any]]:
    from django.db import connection

    rich = index_of(CHUNK_MS // FRAGMENT_MS)
    poor = index_of(1)
    for number in range(count):
        started_ms = ended_ms - (count - number) * CHUNK_MS
        is_rich = ended_ms - started_ms <= RICH_DAYS * DAY_MS
        size = INIT_BYTES + FRAGMENT_BYTES * CHUNK_MS // FRAGMENT_MS
        boot = f"{camera_id:04x}{number // BOOT_CHUNKS:028x}"
        values = {
            "camera_id": camera_id, "boot": boot, "seq": number % BOOT_CHUNKS + 1, "run": 1, "told_ms": started_ms,
            "started_mono_ns": number * CHUNK_MS * 1_000_000, "clock": "synchronised", "placed": "told",
            "started_ms": started_ms, "ended_ms": started_ms + CHUNK_MS - (4000 if number % HOLE_EVERY == 0 else 0),
            "state": "closed", "path": f"1/{camera_id}/{boot}-{number}.mp4", "bytes": size, "whole_bytes": size,
            "length": size, "init_bytes": INIT_BYTES, "timescale": 90_000, "codec": "avc1.42c01f", "width": 1280,
            "first_tfdt": number % BOOT_CHUNKS * CHUNK_MS * 90, "height": 720, "frames": 9000,
            "fragments": rich if is_rich else poor,
        }  # fmt: skip
        yield [
            field.get_db_prep_save(values.get(field.attname, getattr(model, field.attname)), connection)
            for field in fields
            if not field.primary_key
        ]


def index_of(count: int) -> bytes:
    """A chunk's index of so many fragments."""
    entry = struct.Struct("<QIIII")
    return b"".join(
        entry.pack(INIT_BYTES + at * FRAGMENT_BYTES, FRAGMENT_BYTES, at * FRAGMENT_MS, FRAGMENT_MS, 60)
        for at in range(count)
    )


def time_tasks() -> dict[str, float]:
    """The median of a few rounds of each, in seconds."""
    import statistics

    from django.utils import timezone

    from storage import forecast, guard, retention

    now = timezone.now()
    found = {"retention": retention.enforce, "disk guard": guard.check, "what fits": forecast.tell}
    took: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(7):
        for name, task in found.items():
            begun_s = time.perf_counter()
            task(now)
            took[name].append(time.perf_counter() - begun_s)
    return {name: statistics.median(values) for name, values in took.items()}


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(time_tasks() if sys.argv[1] == "--tasks" else fill(float(sys.argv[1]))))
