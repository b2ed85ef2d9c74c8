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
    """The rows, made by the database itself: by the ORM they would take an hour, row by row from Python minutes."""
    from django.core.management import call_command
    from django.db import connection, transaction
    from django.test import override_settings
    from django.utils import timezone

    from accounts.models import Session, User
    from accounts.tokens import issue
    from cameras.models import Camera, Location
    from storage.models import Total
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
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=OFF")  # of this connection only, which fills and goes
        cursor.execute("PRAGMA cache_size=-400000")
        with transaction.atomic():
            for camera in cameras:
                _insert(cursor, camera.pk, count, ended_ms)
        cursor.execute("ANALYZE")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = FRAGMENT_BYTES * CHUNK_MS // FRAGMENT_MS
    for camera in cameras:
        Total.objects.create(camera=camera, bytes=count * size, ms=count * CHUNK_MS, chunks=count)
    alice = User.objects.create_user("alice@example.com", is_staff=True, is_superuser=True)
    session, refresh = Session.objects.begin(alice, "bench", timezone.now())
    with override_settings(ACCESS_TOKEN_S=86_400):  # a slow machine must not end it midway
        access = issue(session, refresh).access
    return {"access": access, "began_ms": ended_ms - count * CHUNK_MS, "ended_ms": ended_ms}


def _insert(cursor: Any, camera_id: int, count: int, ended_ms: int) -> None:
    """One camera's chunks, one after the other up to `ended_ms`."""
    from django.db import connection
    from django.utils import timezone

    from storage.models import Chunk

    now = timezone.now()
    model = Chunk(camera_id=camera_id, closed_at=now, created_at=now, appended_at=now)
    size = INIT_BYTES + FRAGMENT_BYTES * CHUNK_MS // FRAGMENT_MS
    same = {
        "run": 1, "clock": "synchronised", "placed": "told", "state": "closed", "bytes": size, "whole_bytes": size,
        "length": size, "init_bytes": INIT_BYTES, "timescale": 90_000, "codec": "avc1.42c01f", "width": 1280,
        "height": 720, "frames": 9000,
    }  # fmt: skip
    for name, value in same.items():
        setattr(model, name, value)
    first_ms, rich_from = ended_ms - count * CHUNK_MS, count - RICH_DAYS * DAY_MS // CHUNK_MS
    boot = f"printf('%%04x%%028x', {camera_id}, i / {BOOT_CHUNKS})"
    each = {
        "boot": boot, "seq": f"i %% {BOOT_CHUNKS} + 1", "started_mono_ns": f"i * {CHUNK_MS} * 1000000",
        "told_ms": f"{first_ms} + i * {CHUNK_MS}", "started_ms": f"{first_ms} + i * {CHUNK_MS}",
        "ended_ms": f"{first_ms} + (i + 1) * {CHUNK_MS} - iif(i %% {HOLE_EVERY} = 0, 4000, 0)",
        "path": f"printf('1/%%d/%%s-%%08d.mp4', {camera_id}, {boot}, i)",
        "first_tfdt": f"i %% {BOOT_CHUNKS} * {CHUNK_MS * 90}",
        "fragments": f"iif(i >= {rich_from}, x'{index_of(CHUNK_MS // FRAGMENT_MS).hex()}', x'{index_of(1).hex()}')",
    }  # fmt: skip
    fields = {str(field.column): field for field in Chunk._meta.local_concrete_fields if not field.primary_key}
    values = [field for column, field in fields.items() if column not in each]
    columns = ", ".join(f'"{column}"' for column in fields)
    wanted = ", ".join(each.get(column, "%s") for column in fields)
    cursor.execute(
        f"INSERT INTO storage_chunk ({columns}) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n "
        f"WHERE i + 1 < {count}) SELECT {wanted} FROM n",
        [field.get_db_prep_save(getattr(model, field.attname), connection) for field in values],
    )


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
