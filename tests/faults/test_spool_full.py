"""Storage is away for longer than the spool holds: shipped footage goes first, the rest with a gap, never the disk."""

from __future__ import annotations

import os
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from ucam_agent.spool import Held

from tests.faults.campaign import Campaign, forms
from tests.faults.spooling import FLOOR_BYTES, Life, Name, chunks_of, judge

ACTIONS = 40
QUOTA_BYTES = 700_000
DISK_BYTES = FLOOR_BYTES + 500_000


class SmallDisk:
    """Says that a folder has a disk of its own: what is in it is what is used."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self._folder, self._size_bytes = folder, size_bytes

    def free_bytes(self) -> int:
        used = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        return max(0, self._size_bytes - used)

    def statvfs(self, _: object) -> SimpleNamespace:
        return SimpleNamespace(f_bavail=self.free_bytes(), f_frsize=1)


class Watched(Life):
    """Looks after each act at what went, and whether there was room."""

    disk: SmallDisk
    gone_unshipped = gone_shipped = 0

    def hear(self) -> None:
        super().hear()
        held = {(one.boot, one.seq): chunk.bytes_on_disk() for chunk, one in chunks_of(self.folder)}
        before: set[Name] = self.__dict__.setdefault("before", set())
        gone = before - set(held)
        unshipped = gone - self.confirmed
        if unshipped:
            kept_shipped = (before & self.confirmed) - gone
            assert not kept_shipped, f"{unshipped} went unshipped, though {kept_shipped} had been shipped"
            assert max(unshipped) < min(set(held) & before - self.confirmed, default=("g", 0)), "not the oldest went"
        self.gone_unshipped += len(unshipped)
        self.gone_shipped += len(gone - unshipped)
        assert sum(held.values()) <= self.quota_bytes
        assert self.disk.free_bytes() >= FLOOR_BYTES - 4096  # small files beside the footage
        self.__dict__["before"] = set(held)


def fill(folder: Path, muxed: bytes, seed: int, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """One life with a spool that is too small by quota or by disk; judged."""
    chance = random.Random(seed)
    life = Watched(folder / "spool", muxed, quota_bytes=chance.choice((QUOTA_BYTES, 2**30)))
    life.disk = SmallDisk(life.folder, DISK_BYTES if life.quota_bytes > QUOTA_BYTES else 2**30)
    monkeypatch.setattr(os, "statvfs", life.disk.statvfs)
    life.run(chance, ACTIONS)
    assert life.feed
    judge(life, life.folder, life.feed.gaps())
    return life


@forms("spools", 4, 300)
def test_spool_full(
    campaign: Campaign, tmp_path: Path, muxed: bytes, monkeypatch: pytest.MonkeyPatch, spools: int
) -> None:
    shipped = unshipped = 0
    for number in range(spools):
        seed = campaign.round(number).randrange(2**32)
        print(f"round {number}, seed {seed}")
        life = fill(tmp_path / str(number), muxed, seed, monkeypatch)
        shipped, unshipped = shipped + life.gone_shipped, unshipped + life.gone_unshipped
        campaign.figures |= {"chunks_gone_shipped": shipped, "chunks_gone_unshipped": unshipped}
    assert shipped
    assert unshipped


def test_a_spool_that_forgets_what_was_shipped_is_caught(
    tmp_path: Path, muxed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Held, "confirmed", False)
    with pytest.raises(AssertionError, match="had been shipped"):
        [fill(tmp_path / str(seed), muxed, seed, monkeypatch) for seed in range(20)]
