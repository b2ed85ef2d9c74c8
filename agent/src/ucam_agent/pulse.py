"""Whether something is still alive, told by a sign of life that changes. Standard library only.

Ages of files cannot tell: a camera's wall clock jumps by months when the network comes. So what counts is when a change
was last seen, on the monotonic clock.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

Sign = Callable[[], object | None]


class Beat(StrEnum):
    """What a pulse says."""

    AWAITED = "awaited"  # no sign yet, and not yet too late for the first
    BEATING = "beating"
    STOPPED = "stopped"


class Pulse:
    """Looks at a sign of life whenever it is asked. What was there at the beginning is none: it may be of yesterday."""

    def __init__(
        self, sign: Sign, within_s: float, first_within_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sign, self._within_s, self._first_within_s, self._clock = sign, within_s, first_within_s, clock
        self._last = sign()
        self._changed_s: float | None = None
        self._begun_s = clock()

    def beat(self) -> Beat:
        """Looks, and judges."""
        now_s, sign = self._clock(), self._sign()
        if sign is not None and sign != self._last:
            self._last, self._changed_s = sign, now_s
        if self._changed_s is None:
            return Beat.AWAITED if now_s - self._begun_s <= self._first_within_s else Beat.STOPPED
        return Beat.BEATING if now_s - self._changed_s <= self._within_s else Beat.STOPPED


def file_sign(path: Path) -> Sign:
    """Changes whenever the file is written or replaced."""
    name = os.fspath(path)

    def sign() -> object | None:
        try:
            found = os.stat(name)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    return sign


class JsonFile:
    """A small JSON object that another process replaces now and then: read again only when it is another file."""

    def __init__(self, path: Path) -> None:
        self._path, self._sign = path, file_sign(path)
        self._read: object | None = None
        self._value: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """What it says; empty when it is not there or damaged."""
        sign = self._sign()
        if sign is None or sign != self._read:
            self._read, self._value = sign, _object(self._path)
        return self._value


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


class Recorded:
    """Whether anything was recorded since `begin`: each recorder writes chunks of its own, and only whole fragments."""

    def __init__(self, spool: Path) -> None:
        self._newest = media_sign(spool)
        self._before: tuple[str, int, int] | None = None

    def begin(self) -> None:
        self._before = self._newest()

    def since(self) -> bool:
        now = self._newest()
        return now is not None and now[2] > 0 and (self._before is None or now[:2] != self._before[:2])


def media_sign(spool: Path) -> Callable[[], tuple[str, int, int] | None]:
    """Changes with each fragment that is durable in the spool: boot, number and length of the newest chunk."""
    file = JsonFile(spool / "boot.json")

    def sign() -> tuple[str, int, int] | None:
        try:
            boot = file.read()
            number = int(boot["next_seq"]) - 1
            return str(boot["boot"]), number, os.stat(f"{spool}/{boot['boot']}/{number:08d}.mp4").st_size
        except (OSError, ValueError, KeyError, TypeError):
            return None

    return sign
