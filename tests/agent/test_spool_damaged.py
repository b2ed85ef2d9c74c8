"""Footage whose beginning a bad card has spoilt is kept for a person to look at, told as lost, and makes room first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .test_spool import CHUNKS, START_NS, Feed, MakeFeed, quota
from .test_spool import feed as feed


def spoil_head(feed: Feed, seq: int) -> bytes:
    """The first bytes of a chunk cannot be read as what they were; what is on the disk then."""
    media = feed.media(seq)
    content = bytearray(media.read_bytes())
    content[: feed.facts.size] = b"\xff" * feed.facts.size
    media.write_bytes(content)
    return bytes(content)


def spoilt(feed: MakeFeed) -> tuple[Feed, bytes]:
    """One whole chunk, then an open one of three fragments with a spoilt head, and the power goes."""
    before = feed()
    before.write(8)
    return before, spoil_head(before, 2)


def test_the_bytes_of_an_open_chunk_with_a_damaged_head_are_kept(feed: MakeFeed) -> None:
    before, content = spoilt(feed)
    began = before.sidecar(2)
    after = feed(boot="kernel-2")
    (kept,) = after.folder.glob("*/*.damaged")
    assert (kept.name, kept.read_bytes()) == ("00000002.damaged", content)
    (gap,) = after.gaps()
    assert (gap["cause"], gap["boot"], gap["from_ms"]) == ("corrupt", began["boot"], began["started_ms"])
    assert gap["to_ms"] - gap["from_ms"] == 6000
    assert (gap["from_mono_ns"], gap["to_mono_ns"]) == (START_NS + 10 * 10**9, START_NS + 16 * 10**9)


def test_what_follows_is_a_gap_of_its_own_and_has_the_next_number(feed: MakeFeed) -> None:
    spoilt(feed)
    after = feed()
    after.begin(start_ns=START_NS + 60 * 10**9)
    after.write()
    corrupt, restart = after.gaps()
    assert (corrupt["cause"], restart["cause"]) == ("corrupt", "recorder")
    assert restart["from_ms"] == corrupt["to_ms"]
    assert after.told("fragment")[-1]["seq"] == 3
    assert [gap["id"] for gap in feed().gaps()] == [corrupt["id"], restart["id"]], "told once"


def test_what_storage_has_of_it_is_not_told_as_lost(feed: MakeFeed) -> None:
    before = feed()
    before.write(3)
    before.confirm(1, before.facts.size + 2 * len(before.content))
    spoil_head(before, 1)
    (gap,) = feed().gaps()
    assert gap["to_ms"] - gap["from_ms"] == 2000


def test_damage_that_the_living_recorder_meets_is_told_too(feed: MakeFeed) -> None:
    spool = feed()
    spool.write(3)
    os.close(spool.spool._open._descriptor)  # type: ignore[union-attr]
    spoil_head(spool, 1)
    spool.write(2)  # the first is lost with the card, the second finds it again
    assert spool.spool.held_bytes > spool.facts.size + 3 * len(spool.content), "it counts"
    assert [gap["cause"] for gap in spool.gaps()] == ["corrupt", "disk"]
    assert spool.files() == ["00000001.damaged", "00000002.json", "00000002.mp4"]


@pytest.mark.parametrize("confirmed", [True, False])
def test_it_makes_room_before_footage_that_nobody_else_has(feed: MakeFeed, confirmed: bool) -> None:
    before, _ = spoilt(feed)
    if confirmed:
        before.confirm(1)
    after = feed()
    after.begin(start_ns=START_NS + 60 * 10**9)
    quota(after, 2.9)
    after.write()
    there = {
        path.stem: path.suffix for path in sorted(after.folder.glob(CHUNKS)) if path.suffix in (".mp4", ".damaged")
    }
    # The first chunk has five fragments, the spoilt one three, and eight and a half have room.
    assert there == (
        {"00000002": ".damaged", "00000003": ".mp4"} if confirmed else {"00000001": ".mp4", "00000003": ".mp4"}
    )
    assert "spool_full" not in {gap["cause"] for gap in after.gaps()}


def test_the_folder_of_an_older_boot_goes_with_the_last_of_it(feed: MakeFeed, tmp_path: Path) -> None:
    before = feed()
    before.write(3)
    spoil_head(before, 1)
    after = feed(boot="kernel-2")
    after.begin(start_ns=START_NS + 60 * 10**9)
    quota(after, 1)
    after.write(2)
    assert len([path for path in after.folder.iterdir() if len(path.name) == 32]) == 1
