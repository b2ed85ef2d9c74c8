"""A folder that looks like /sys/class/leds and behaves like the kernel when it is written through `write`."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from .led import Edge

TRIGGERS = ("none", "rc-feedback", "timer", "heartbeat", "default-on", "mmc0")


class FakeSysfs:
    """One light. The kernel owns its brightness while a trigger other than `none` is active."""

    def __init__(self, leds: Path, name: str = "ACT", trigger: str = "mmc0", max_brightness: int = 255) -> None:
        self.directory = leds / name
        self.directory.mkdir(parents=True)
        self.edges: list[Edge] = []
        self.read_only = False
        self._max = max_brightness
        (self.directory / "max_brightness").write_text(f"{max_brightness}\n")
        (self.directory / "brightness").write_text("0\n")
        self._activate(trigger)

    @property
    def trigger(self) -> str:
        """The active one."""
        return (self.directory / "trigger").read_text().partition("[")[2].partition("]")[0]

    @property
    def lit(self) -> bool:
        return (self.directory / "brightness").read_text().strip() != "0"

    def write(self, path: Path, text: str) -> None:
        """What the kernel does with a write; raises as it would."""
        if self.read_only or path.name == "max_brightness":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        if path.name == "trigger":
            self._activate(text.strip())
        else:
            self._shine(text.strip())

    def _activate(self, trigger: str) -> None:
        if trigger not in TRIGGERS:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        names = (f"[{name}]" if name == trigger else name for name in TRIGGERS)
        (self.directory / "trigger").write_text(" ".join(names) + "\n")

    def _shine(self, text: str) -> None:
        if not text.isdecimal():
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        brightness, before = min(int(text), self._max), self.lit
        if brightness == 0:  # leds-class.rst: this also takes the trigger away
            self._activate("none")
        (self.directory / "brightness").write_text(f"{brightness}\n")
        if (brightness > 0) != before:
            self.edges.append(Edge(time.monotonic(), brightness > 0))
