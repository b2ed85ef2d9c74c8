"""A disk that can lose its power, or refuse to work, at any step."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

STEPS = (
    "open", "write", "pwrite", "fsync", "fdatasync", "replace", "rename", "unlink", "mkdir", "rmdir", "ftruncate",
)  # fmt: skip
SYNCS = ("fsync", "fdatasync")
RENAMES = ("open", "replace", "rename", "unlink", "mkdir", "rmdir")  # change what a folder lists
TROUBLES = (errno.ENOSPC, errno.EIO, errno.EROFS)

Listing = dict[str, int]


class PowerCut(BaseException):
    """The machine is off from here on. No `except Exception` of the product may survive it."""


class Disk:
    """Watches what this process does through `os` below a folder while the `with` block runs.

    Each call of a function in STEPS is a step. Before step `cut_at` the power fails: PowerCut is raised there and at
    every later step, so that no clean-up reaches the disk, and `survivors` tells what is on it afterwards. `trouble`
    lets some steps fail with an error number instead. `asleep`: the control, in which fsync of "files" or of
    "folders" does nothing.

    What it models: a file has the bytes of its last fsync, and beyond them none, some or all of what was written
    since, perhaps as zeros (delayed allocation); a folder has the names of its last fsync, or those after any number
    of the changes since, in their order, each folder for itself (a journal, but no order between folders); names may
    be there before the bytes.
    What it does not: databases (SQLite writes in C: tests ask for `synchronous=FULL`), sectors that break although
    they were synced, a disk that only claims to have synced.
    """

    def __init__(
        self, root: Path, chance: random.Random, *, cut_at: int | None = None, asleep: str = "",
        trouble: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.root, self.steps, self.cut = root, 0, False  # steps: how many there were
        self._chance, self._cut_at, self._asleep = chance, cut_at, asleep
        self._trouble = trouble or {}
        self._originals: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in STEPS}
        self._steps = {name: self._step(name) for name in STEPS}
        self._inside, self._stale = False, True
        self._listings: dict[int, list[Listing]] = {}
        self._contents: dict[int, bytes] = {}
        self._held: dict[int, int] = {}  # files, and beside them folders, so that no number is given again
        self._kept: dict[int, int] = {}

    def __enter__(self) -> Disk:
        self.root.mkdir(parents=True, exist_ok=True)
        self._look()
        self._contents = {node: self._read(node) for node in self._held}
        self._listings = {node: found[-1:] for node, found in self._listings.items()}
        for name, step in self._steps.items():
            setattr(os, name, step)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, original in self._originals.items():
            setattr(os, name, original)

    def close(self) -> None:
        """Give the files back. May be called twice."""
        held, self._held, self._kept = [*self._held.values(), *self._kept.values()], {}, {}
        for descriptor in held:
            os.close(descriptor)

    def survivors(self, into: Path, *, strict: bool = False) -> Path:
        """The folder as it is when the power comes back; `strict`: nothing but what was synced."""
        inside, self._inside = self._inside, True
        self._look()
        self._rebuild(self.root.stat().st_ino, into, strict)
        self._inside = inside
        return into

    def synced(self, path: str) -> bytes:
        """The bytes of a file below the folder that would be there after a cut for sure; none when its name is not."""
        node = self.root.stat().st_ino
        for part in path.split("/"):
            node = self._listings.get(node, [{}])[0].get(part, 0)
        return self._contents.get(node, b"")

    # ------------------------------------------------------------ watching

    def _step(self, name: str) -> Callable[..., Any]:
        original = self._originals[name]

        def step(*arguments: Any, **options: Any) -> Any:
            if self._inside:
                return original(*arguments, **options)
            self._inside = True
            try:
                self._begin_step()
                self._stale = name in RENAMES
                if name not in SYNCS:
                    return original(*arguments, **options)
                self._synced(arguments[0])
                return None
            finally:
                self._inside = False

        return step

    def _begin_step(self) -> None:
        if self._stale:
            self._look()
        self.steps += 1
        if self.cut or self.steps == self._cut_at:
            self.cut = True
            raise PowerCut
        number = self._trouble.get(self.steps)
        if number:
            raise OSError(number, os.strerror(number))

    def _look(self) -> None:
        """Takes down what has changed in the folders, and holds what is new."""
        for folder, _, files in os.walk(self.root):
            node = os.stat(folder).st_ino
            if node not in self._kept:
                self._kept[node] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            with os.scandir(folder) as entries:
                listing = {entry.name: entry.inode() for entry in entries}
            history = self._listings.setdefault(node, [{}])
            if history[-1] != listing:
                history.append(listing)
            for name in files:
                if listing[name] not in self._held:
                    self._held[listing[name]] = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_CLOEXEC)

    def _synced(self, descriptor: int) -> None:
        node = os.fstat(descriptor).st_ino
        if self._asleep == ("folders" if node in self._listings else "files"):
            return
        if node in self._listings:
            del self._listings[node][:-1]
        elif node in self._held:
            self._contents[node] = self._read(node)

    def _read(self, node: int) -> bytes:
        return os.pread(self._held[node], os.fstat(self._held[node]).st_size, 0)

    # ------------------------------------------------------------ after the cut

    def _rebuild(self, node: int, into: Path, strict: bool) -> None:
        into.mkdir(mode=0o700)
        history = self._listings[node]
        for name, below in (history[0] if strict else self._chance.choice(history)).items():
            if below in self._listings:
                self._rebuild(below, into / name, strict)
            else:
                synced = self._contents.get(below, b"")
                (into / name).write_bytes(synced if strict else self._torn(synced, self._read(below)))

    def _torn(self, synced: bytes, written: bytes) -> bytes:
        """What may be left of a file that was changed after its last fsync."""
        if synced == written:
            return synced
        same = len(synced) if written.startswith(synced) else 0
        part = written[: self._chance.randint(same, len(written))]
        return self._chance.choice((synced, written, part, part + bytes(len(written) - len(part))))


def troubles(chance: random.Random, steps: int) -> dict[int, int]:
    """Some stretches of steps that fail, each with one error number."""
    found: dict[int, int] = {}
    for _ in range(chance.randint(1, 4)):
        begin, number = chance.randint(1, steps), chance.choice(TROUBLES)
        found |= dict.fromkeys(range(begin, begin + chance.choice((1, 1, 2, 5, 20))), number)
    return found
