"""An hour of footage as one MP4, beside `ffmpeg -c copy` of the same chunks; and whether memory stays flat."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench.harness import UCAM, Row, alternate, report, rounds
from bench.measure.contestants import scratch
from bench.measure.ledger import environment, python
from bench.measure.recording import recorded, repeated

PEER = "ffmpeg -c copy"
MINUTES = 5
CHUNKS = 36  # three hours


def main() -> None:
    count = rounds(7, 2)
    with scratch() as folder:
        data = folder / "data"
        data.mkdir(mode=0o700)
        env = environment(data)
        source = repeated(recorded(folder / "chunk.mp4", 60, 2000), MINUTES)
        python(env, "-m", "bench.measure.shelf", "fill", str(source), str(CHUNKS), str(MINUTES * 60_000))
        files = sorted((data / "media").rglob("*.mp4"), key=lambda file: file.name)[: 60 // MINUTES]
        memory: dict[float, float] = {}

        def ucam(hours: float = 1.0) -> float:
            os.sync()
            facts = json.loads(python(env, "-m", "bench.measure.shelf", "export", str(hours)).splitlines()[-1])
            shutil.rmtree(data / "exports")
            memory[hours] = facts["more_mib"]
            return float(facts["s"])

        samples = alternate(count, {UCAM: ucam, PEER: ffmpeg(folder, files)})
        ucam(3.0)
        size = sum(file.stat().st_size for file in files)
    report("export", [
        Row("an hour as one MP4", "s", samples, ">= 0.5 times ffmpeg's speed", at_most={"ratio": 2.0},
            note="both fsync; ucam hashes as well",
            details={"bytes": size}),
        Row("memory of three hours beyond that of one", "MiB", {UCAM: [memory[3.0] - memory[1.0]]},
            "flat: <= 2 MiB an hour", at_most={"median": 4.0}, note="the tables of the file's head; footage is 0.9 GB",
            details={"beyond the start, by hours": memory}),
    ])  # fmt: skip


def ffmpeg(folder: Path, files: list[Path]) -> Callable[[], float]:
    """ffmpeg copies the chunks into one file, as somebody would by hand."""
    order, made = folder / "list.txt", folder / "peer.mp4"
    order.write_text("".join(f"file '{file}'\n" for file in files))

    def run() -> float:
        os.sync()
        begun_s = time.perf_counter()
        command = ["ffmpeg", "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(order), "-c", "copy"]
        subprocess.run([*command, str(made)], check=True)
        with made.open("rb") as file:
            os.fsync(file.fileno())
        took_s = time.perf_counter() - begun_s
        made.unlink()
        return took_s

    return run


if __name__ == "__main__":
    main()
