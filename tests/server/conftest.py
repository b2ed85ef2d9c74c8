"""A supervisor in a process of its own, and eyes that see processes come and go."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def until(true: Callable[[], object], what: str, seconds: float = 10) -> None:
    """Poll until something is so; fail with `what` when it is not in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Running:
    """A supervisor as a user starts it, its output in a file."""

    def __init__(self, code: str, folder: Path) -> None:
        self.folder, self.output = folder, folder / "output.txt"
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "agent" / "src"), "PYTHONUNBUFFERED": "1"}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def text(self) -> str:
        return self.output.read_text()

    def pids(self, name: str) -> list[int]:
        """What the children wrote into files of this name, one number a line."""
        file = self.folder / name
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def wait_for(self, words: str) -> None:
        until(lambda: words in self.text(), f"{words!r} in:\n{self.text()}")


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Callable[[str], Running]]:
    """Start `Supervisor([children]).run()` for a text of Child(...) expressions."""
    started: list[Running] = []

    def start(children: str) -> Running:
        code = (
            "import signal, sys\nfrom ucam_supervise import *\nlog_to_stderr()\n"
            f"sys.exit(Supervisor([{children}]).run())"
        )
        started.append(Running(code, tmp_path))
        return started[-1]

    yield start
    for running in started:
        with suppress(ProcessLookupError):
            running.process.kill()
        running.process.wait(10)
