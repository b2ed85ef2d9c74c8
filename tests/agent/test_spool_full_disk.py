"""Somebody else fills the camera's disk to the last byte: what was recorded makes room, and that is told."""

from __future__ import annotations

from pathlib import Path

from .recording import fill
from .test_spool import START_NS, Feed

FLOOR_BYTES = 200_000


def recorded(disk: Path, muxed: bytes) -> Feed:
    """A spool with three chunks that nobody has shipped."""
    feed = Feed(disk / "spool", muxed, free_floor_bytes=FLOOR_BYTES)
    feed.write(15)
    feed.spool.close(0)
    return feed


def test_the_oldest_footage_makes_room_on_a_disk_without_a_byte_and_is_a_gap(disk: Path, muxed: bytes) -> None:
    feed = recorded(disk, muxed)
    oldest = feed.sidecar(1)
    fill(disk)
    feed.write()
    assert (feed.spool.recorded, feed.spool.lost) == (320, 0)
    gap = feed.gaps()[0]
    assert (gap["cause"], gap["from_ms"]) == ("spool_full", oldest["started_ms"])
    assert "00000001.mp4" not in feed.files()


def test_a_recorder_starts_on_a_disk_without_a_byte(disk: Path, muxed: bytes) -> None:
    recorded(disk, muxed)
    fill(disk)
    feed = Feed(disk / "spool", muxed, "kernel-2", free_floor_bytes=FLOOR_BYTES)
    feed.begin(start_ns=START_NS + 60_000_000_000)
    feed.write()
    assert (feed.spool.recorded, feed.spool.lost) == (20, 0)
    assert [gap["cause"] for gap in feed.gaps()] == ["spool_full", "power"]


def test_the_next_time_the_disk_is_full_there_is_room_for_the_word_again(disk: Path, muxed: bytes) -> None:
    feed = recorded(disk, muxed)
    for _ in range(2):
        fill(disk)
        feed.write(5)
        feed.spool.close(0)
    assert feed.spool.lost == 0
    assert {gap["cause"] for gap in feed.gaps()} == {"spool_full"}
