"""Deletion of 10,000 chunks by retention, beside `find -delete` of the same files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from bench.harness import UCAM, Row, alternate, report, rounds
from bench.measure.contestants import scratch
from bench.measure.ledger import environment, python
from bench.measure.recording import recorded

CHUNKS = 10_000
PEER = "find -delete, sync"


def main() -> None:
    count = rounds(5, 1)
    with scratch() as folder:
        source = recorded(folder / "chunk.mp4", 4, 64)

        def fill(name: str) -> tuple[Path, dict[str, str]]:
            data = folder / name
            shutil.rmtree(data, ignore_errors=True)
            data.mkdir(mode=0o700)
            env = environment(data)
            python(env, "-m", "bench.measure.shelf", "fill", str(source), str(CHUNKS), "30000")
            os.sync()
            return data, env

        def ucam() -> float:
            _, env = fill("ucam")
            return float(json.loads(python(env, "-m", "bench.measure.shelf", "delete").splitlines()[-1]))

        def peer() -> float:
            data, _ = fill("peer")
            begun_s = time.perf_counter()
            subprocess.run(["find", str(data / "media"), "-name", "*.mp4", "-delete"], check=True)
            subprocess.run(["sync", "-f", str(data / "media")], check=True)
            return time.perf_counter() - begun_s

        samples = alternate(count, {UCAM: ucam, PEER: peer})
    report("retention", [
        Row(f"delete {CHUNKS:,} chunks", "s", samples, "<= 2 times find -delete", at_most={"ratio": 2.0},
            note="ucam: rows, totals, journal and one fsync a folder, too"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
