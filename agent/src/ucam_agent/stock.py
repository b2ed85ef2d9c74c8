"""What the spool holds and may delete when room is needed: closed chunks, and pictures that were set aside."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from . import disk, gaps
from .chunk import Chunk, Sidecar


class SpoolFull(OSError):
    """There is no room, and nothing left that may be deleted."""


@dataclass(slots=True)
class Held:
    """A closed chunk in the spool."""

    chunk: Chunk
    sidecar: Sidecar

    @property
    def confirmed(self) -> bool:
        return self.chunk.confirmed_bytes() >= self.sidecar.bytes


@dataclass(frozen=True, slots=True)
class Aside:
    """A file of damaged pictures, told as lost already, kept for a person to look at."""

    path: Path
    bytes: int

    @classmethod
    def of(cls, path: Path) -> Aside:
        return cls(path, path.stat().st_size)


@dataclass(slots=True)
class Stock:
    """Oldest first. What storage has goes first, then what is told as lost, then the oldest that nobody else has."""

    folder: Path
    closed: list[Held] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(held.sidecar.bytes for held in self.closed) + sum(one.bytes for one in self.aside)

    def make_room(self, need: int, *, open_bytes: int, most_bytes: int, floor_bytes: int, boot: str) -> None:
        """Deletes until `need` bytes fit beside the open chunk in the quota, and the disk keeps its free space.

        `boot`: the present one, whose folder stays. Raises SpoolFull.
        """
        while self.bytes + open_bytes + need > most_bytes or self._free() - need < floor_bytes:
            if not self._delete_one(boot):
                break
        if self._free() - need < floor_bytes:
            raise SpoolFull(disk.too_full(floor_bytes))

    def _delete_one(self, boot: str) -> bool:
        """False when there was nothing to delete."""
        confirmed = next((held for held in self.closed if held.confirmed), None)
        if confirmed is None and self.aside:
            self.aside[0].path.unlink(missing_ok=True)
            self._forget_folder(self.aside.pop(0).path.parent, boot)
            return True
        held = confirmed or next(iter(self.closed), None)
        if held is None:
            return False
        if held is not confirmed:
            self._tell_evicted(held)
        self.closed.remove(held)
        held.chunk.delete()
        self._forget_folder(held.chunk.folder, boot)
        return True

    def _forget_folder(self, folder: Path, boot: str) -> None:
        if boot and folder.name != boot and not any(folder.iterdir()):
            folder.rmdir()

    def _tell_evicted(self, held: Held) -> None:
        sidecar = held.sidecar
        gap = gaps.of_chunk(sidecar, "spool_full", f"The spool was full before chunk {sidecar.seq} could be shipped.")
        gap.from_ms = held.chunk.time_of_byte(sidecar, held.chunk.confirmed_bytes())
        gap.from_mono_ns = sidecar.mono_ns(gap.from_ms)
        gaps.write(self.folder, gap)

    def _free(self) -> int:
        facts = os.statvfs(self.folder)
        return facts.f_bavail * facts.f_frsize
