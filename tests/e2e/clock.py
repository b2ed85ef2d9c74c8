"""A camera's wall clock that a test sets: for agents whose environment is `Clock.env`. Monotonic clocks stay right."""

from __future__ import annotations

import os
from pathlib import Path

# Loaded by each Python process of the agent at its start. Nobody disciplines the clock of such a device.
SITE = """
import time
from pathlib import Path

from ucam_agent import wallclock

AHEAD = Path(__file__).with_name("ahead_s")
time_s, time_ns = time.time, time.time_ns
time.time = lambda: time_s() + int(AHEAD.read_text())
time.time_ns = lambda: time_ns() + int(AHEAD.read_text()) * 10**9
wallclock.kernel_state = lambda: "unsynchronised"
"""


class Clock:
    """Ahead of this machine's clock by some seconds, which may be negative."""

    def __init__(self, folder: Path, ahead_s: int) -> None:
        self._folder = folder
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(SITE)
        self.step(ahead_s)

    @property
    def env(self) -> dict[str, str]:
        """What the agent must be started with."""
        before = os.environ.get("PYTHONPATH")
        return {"PYTHONPATH": os.pathsep.join([str(self._folder), *([before] if before else [])])}

    def step(self, ahead_s: int) -> None:
        """From now on, at once."""
        fresh = self._folder / "fresh"
        fresh.write_text(str(ahead_s))
        os.replace(fresh, self._folder / "ahead_s")
