"""The two that are measured in turn, each with a camera only while it is measured: ucam as it is, and the bare peer."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.harness import cpu_s
from tests.e2e.stack import Process, Stack, free_port, until

PICTURE: dict[str, Any] = {
    "source": {"kind": "file", "name": "street.mp4", "stamp": True},
    "width": 1280,
    "height": 720,
    "fps": 30,
    "bitrate_kbit": 2000,
    "keyframe_ms": 2000,
}


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards; kept, and named, when something went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="ucam-bench-"))
    try:
        yield folder
    except BaseException:
        print(f"What was said is in {folder}", file=sys.stderr)
        raise
    shutil.rmtree(folder)


class Ucam:
    """Server and camera of the product. Starting and stopping means the camera; the server stays."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def start(self) -> None:
        """Returns when the camera is in the room and records."""
        (self.stack.agent.state / "status" / "live.json").unlink(missing_ok=True)
        self.stack.agent.start()
        process = self.stack.agent.process
        assert process
        until(self._works, "the camera works", alive=process.complaint)

    def _works(self) -> bool:
        return self.stack.camera_is_online() and bool(self.stack.agent.status().get("recording"))

    def stop(self) -> None:
        self.stack.agent.stop()

    def cpu_s(self) -> dict[str, float]:
        """CPU-seconds so far of each of the camera's processes."""
        return {name: cpu_s(pid) for name, pid in self.stack.agent.pids.items()}


class Bare:
    """bench/peers/bare.py."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, free_port()
        self._process: Process | None = None
        self._settings = folder / "bare-settings.json"
        self._settings.write_text(json.dumps(PICTURE))

    def start(self) -> None:
        """Returns when viewers can come."""
        argv = [sys.executable, "-m", "bench.peers.bare", str(self.port), str(self._settings)]
        log = self._folder / "bare.log"
        log.unlink(missing_ok=True)
        process = self._process = Process(argv, os.environ, log)
        until(self._listens, "the bare peer listens", 20, alive=process.complaint)

    def _listens(self) -> bool:
        assert self._process
        return f"listening on {self.port}" in self._process.log.read_text()

    def stop(self) -> None:
        """May be called twice."""
        if self._process:
            self._process.stop()

    def cpu_s(self) -> dict[str, float]:
        """CPU-seconds so far of its one process."""
        assert self._process
        return {"bare": cpu_s(self._process.pid)}


@contextmanager
def ucam() -> Iterator[Ucam]:
    """A server with one enrolled camera, which is stopped at first."""
    with scratch() as folder, Stack(folder, settings=PICTURE) as stack:
        stack.agent.stop()
        yield Ucam(stack)


@contextmanager
def both() -> Iterator[tuple[Ucam, Bare]]:
    """ucam and the peer, their cameras stopped."""
    with ucam() as ours, scratch() as folder:
        peer = Bare(folder)
        try:
            yield ours, peer
        finally:
            peer.stop()
