"""What some processes take of the memory, from /proc: as this machine shares it, and as if they were alone on one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ (\S+) \S+ (\d+)")


def pss_kib(pid: int) -> int:
    """Proportional set size: shared pages count by the number of processes, ours or not, that have them."""
    return _sum(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss")


def alone_kib(pids: Iterable[int]) -> int:
    """All of them together were nobody else on the machine: pages of files that they share count once."""
    anonymous = 0
    of_files: dict[tuple[str, str], int] = {}  # (inode, offset): the most that any of them has of it
    for pid in pids:
        key: tuple[str, str] | None = None
        for mapping in _mappings(_smaps(pid)):
            found = _MAPPING.match(mapping)
            key = (found[2], found[1]) if found and found[2] != "0" else None
            rss, own = _sum(mapping, "Rss"), _sum(mapping, "Anonymous")
            anonymous += own if key else rss
            if key:
                of_files[key] = max(of_files.get(key, 0), rss - own)
    return anonymous + sum(of_files.values())


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    pids, found = [pid], []
    while pids:
        found.append(pid := pids.pop())
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                pids += map(int, file.read_text().split())
    return found


def _smaps(pid: int) -> str:
    """Nothing of a process that has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/smaps").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _mappings(text: str) -> list[str]:
    return [part for part in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", text) if part]


def _sum(text: str, name: str) -> int:
    return sum(map(int, re.findall(rf"(?m)^{name}:\s+(\d+) kB", text)))
