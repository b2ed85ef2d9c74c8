"""The machine is lost: a backup, the disk with the footage and a clean data folder make the installation again."""

import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

from storage.range import text_of
from tests.e2e.stack import Stack, until

CAMERA = f"/api/cameras/{Stack.camera_jid}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def stored_until(stack: Stack, after_ms: int) -> bool:
    """Whether footage of a later instant is on storage."""
    rows = ledger(stack, "SELECT max(ended_ms) FROM storage_chunk")
    return bool(rows and rows[0][0] and rows[0][0] > after_ms)


def closed_since(stack: Stack, ms: int) -> bool:
    """Whether a chunk that began after this instant is complete."""
    return bool(ledger(stack, f"SELECT 1 FROM storage_chunk WHERE started_ms > {ms} AND state = 'closed'"))


def ledger(stack: Stack, query: str) -> list[Any]:
    with sqlite3.connect(f"file:{stack.data}/db.sqlite3?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()


def lose_the_machine(stack: Stack, media: Path) -> None:
    """Everything is gone but the disk with the footage, which is attached elsewhere some minutes later."""
    shutil.move(stack.data / "media", media)
    shutil.rmtree(stack.data)
    for file in media.rglob("*"):
        os.utime(file, (file.stat().st_atime, time.time() - 300))


def test_a_lost_machine_is_restored_and_its_camera_goes_on(tmp_path: Path) -> None:
    settings = {"source": {"kind": "test"}, "width": 320, "height": 240, "fps": 10, "chunk_s": 10, "bitrate_kbit": 300}
    with Stack(tmp_path, settings=settings | {"keyframe_ms": 1000}) as stack:
        until(lambda: stored_until(stack, 0), "the first footage is stored")
        began_ms = ledger(stack, "SELECT min(started_ms) FROM storage_chunk")[0][0]
        stack.manage("backup", str(tmp_path / "backup.tar.gz"))
        backed_up_ms = now_ms()
        until(lambda: closed_since(stack, backed_up_ms), "a chunk that the backup knows nothing of is complete")
        tokens = ledger(stack, "SELECT token_hash FROM cameras_devicetoken WHERE revoked_at IS NULL")
        stack.stop_server()
        lose_the_machine(stack, tmp_path / "footage")

        said = stack.manage("restore", str(tmp_path / "backup.tar.gz"))
        assert "without a new enrolment" in said
        shutil.move(tmp_path / "footage", stack.data / "media")
        assert "row_missing (mended)" in stack.manage("check_storage", "--repair")
        assert "0 problems mended, none left" in stack.manage("check_storage")
        stack.start_server()

        back_ms = now_ms()
        until(lambda: stored_until(stack, back_ms), "the camera ships what it records now")
        assert ledger(stack, "SELECT token_hash FROM cameras_devicetoken WHERE revoked_at IS NULL") == tokens
        access, asked = stack.access_token(), f"from={text_of(began_ms)}&to={text_of(back_ms)}"

        def stored_s() -> float:
            totals = stack.request("GET", f"{CAMERA}/coverage/?{asked}", access=access)["totals"]
            return float(totals["stored"])

        whole_s = (back_ms - began_ms) / 1000 - 0.5
        until(lambda: stored_s() >= whole_s, "every second from before the backup to after the loss is stored")
        assert "none left" in stack.manage("check_storage")
