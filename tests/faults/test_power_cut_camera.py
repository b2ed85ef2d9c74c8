"""The power fails while a camera writes: what it had told as durable is there afterwards, and the hole has its gap.

The spool is driven in this process on a disk that forgets (disk.py says what that models); nothing else of the recorder
touches the disk. The next life is the product's own start on what is left.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.agent.test_spool import Feed
from tests.faults.campaign import Campaign, forms
from tests.faults.disk import Disk, PowerCut
from tests.faults.spooling import Life, chunks_of, judge

ACTIONS = 14
AWAY_NS = 90 * 10**9


def cut_once(folder: Path, muxed: bytes, seed: int, *, asleep: str = "") -> Counter[str]:
    """One life that ends at a random step, the next one, and the judgement of both."""
    chance = random.Random(seed)
    quota_bytes = chance.choice((0, 0, 400_000))
    rehearsal = Life(folder / "rehearsal", muxed, quota_bytes=quota_bytes)
    with Disk(rehearsal.folder, chance, asleep=asleep) as disk:
        rehearsal.run(random.Random(seed), ACTIONS)
    disk.close()
    cut_at = disk.steps if asleep else chance.randint(1, disk.steps)
    life = Life(folder / "spool", muxed, quota_bytes=quota_bytes)
    disk = Disk(life.folder, chance, cut_at=cut_at, asleep=asleep)
    with disk, pytest.raises(PowerCut):
        life.run(random.Random(seed), ACTIONS)
    life.hear()
    left = disk.survivors(folder / "left", strict=bool(asleep) or chance.random() < 0.3)
    disk.close()
    after = Life(left, muxed, "kernel-2", life.ended_ns + AWAY_NS)
    after.run(chance, 3)
    assert after.feed
    judge(life, left, after.feed.gaps())
    causes = Counter(gap["cause"] for gap in after.feed.gaps())
    assert causes["power"] >= bool(life.told)
    return Counter(cuts=1, fragments_told=len(life.told), **{f"gaps_{cause}": count for cause, count in causes.items()})


@forms("cuts", 25, 2000)
def test_power_cut_camera(campaign: Campaign, tmp_path: Path, muxed: bytes, cuts: int) -> None:
    total: Counter[str] = Counter()
    for number in range(cuts):
        seed = campaign.round(number).randrange(2**32)
        print(f"round {number}, seed {seed}")
        total += cut_once(tmp_path / str(number), muxed, seed)
        campaign.figures |= total
    assert total["fragments_told"] > cuts


def test_what_a_killed_recorder_left_is_durable_before_it_counts(tmp_path: Path, muxed: bytes) -> None:
    with Disk(tmp_path / "spool", random.Random(1)) as disk:
        killed = Feed(tmp_path / "spool", muxed)
        killed.write(2)
        third = bytearray(killed.content)
        place = slice(killed._tfdt, killed._tfdt + killed._tfdt_bytes)
        third[place] = (2 * killed.ticks).to_bytes(killed._tfdt_bytes, "big")
        with open(killed.media(1), "ab") as file:
            file.write(third)  # and then the kill, before its fsync
        Feed(tmp_path / "spool", muxed)
        left = disk.survivors(tmp_path / "left", strict=True)
    disk.close()
    ((chunk, sidecar),) = chunks_of(left)
    assert sidecar.frames == 60
    assert chunk.bytes_on_disk() == sidecar.bytes


@pytest.mark.parametrize("asleep", ["files", "folders"])
def test_without_fsync_the_campaign_fails(tmp_path: Path, muxed: bytes, asleep: str) -> None:
    for number in range(5):
        with pytest.raises((AssertionError, ValueError)):
            cut_once(tmp_path / str(number), muxed, number, asleep=asleep)
