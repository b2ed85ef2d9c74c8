"""The spool on a real disk: durable order, mending after a crash, numbers without holes, gaps, quota, a broken disk."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from ucam_agent.spool import Hole, Run, Spool
from ucam_agent.writer import Writer
from ucam_boxes import read_fragment, read_init
from ucam_protocol import Settings

from .recording import until

SETTINGS = Settings(chunk_s=10)
START_NS = 1_000_000_000_000
CHUNKS = f"*/{'[0-9]' * 8}.*"  # and no gap, whose name may begin with digits, too


class Feed:
    """A spool, and an endless run of fragments of 2 s and 20 frames for it."""

    def __init__(self, folder: Path, muxed: bytes, boot: str = "kernel-1", **options: Any) -> None:
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self.spool = Spool(folder, options.pop("settings", SETTINGS), boot, self.events.append, **options)
        self.facts = read_init(muxed)
        self._init = muxed[: self.facts.size]
        first = read_fragment(muxed, self.facts.size)
        self.content = muxed[first.offset : first.offset + first.size]
        self._tfdt = self.content.index(b"tfdt") + 8
        self._tfdt_bytes = 8 if self.content[self._tfdt - 4] else 4
        self.ticks = first.duration
        self.spool.open()
        self.begin()

    def begin(self, hole: Hole | None = None, start_ns: int = START_NS) -> None:
        self.index = 0
        self.run = Run(self._init, self.facts, start_ns)
        self.spool.begin_run(hole)

    def write(self, count: int = 1, dropped: int = 0) -> None:
        for _ in range(count):
            content = bytearray(self.content)
            time = (self.index * self.ticks).to_bytes(self._tfdt_bytes, "big")
            content[self._tfdt : self._tfdt + self._tfdt_bytes] = time
            self.index += 1
            self.spool.write(bytes(content), read_fragment(bytes(content), init=self.facts), self.run, dropped)

    def told(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob(CHUNKS))

    def sidecar(self, seq: int) -> dict[str, Any]:
        (path,) = self.folder.glob(f"*/{seq:08d}.json")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def media(self, seq: int) -> Path:
        (path,) = self.folder.glob(f"*/{seq:08d}.mp4")
        return path

    def confirm(self, seq: int, count: int | None = None) -> None:
        media = self.media(seq)
        media.with_suffix(".confirmed").write_text(str(media.stat().st_size if count is None else count))

    def gaps(self) -> list[dict[str, Any]]:
        return sorted(
            (json.loads(path.read_text()) for path in self.folder.glob("gaps/*.json")), key=lambda g: g["from_ms"]
        )


MakeFeed = Callable[..., Feed]


@pytest.fixture
def feed(tmp_path: Path, muxed: bytes) -> MakeFeed:
    """Opens the same spool folder anew, as a process that starts does."""
    return lambda **options: Feed(tmp_path / "spool", muxed, **options)


def test_chunk_is_cut_at_a_fragment_once_it_is_long_enough(feed: MakeFeed) -> None:
    spool = feed()
    spool.write(12)
    spool.spool.close(0)
    assert [spool.sidecar(seq)["frames"] for seq in (1, 2, 3)] == [100, 100, 40]
    assert [spool.sidecar(seq)["first_tfdt"] / spool.facts.timescale for seq in (1, 2, 3)] == [0, 10, 20]
    assert spool.sidecar(2)["started_mono_ns"] == START_NS + 10_000_000_000 == spool.sidecar(1)["ended_mono_ns"]
    assert spool.gaps() == []


def test_fragment_is_told_with_its_place_in_the_file(feed: MakeFeed) -> None:
    spool = feed()
    spool.write(6)
    told = spool.told("fragment")
    assert [(one["seq"], one["offset"]) for one in told[:2]] == [
        (1, spool.facts.size),
        (1, spool.facts.size + len(spool.content)),
    ]
    assert (told[5]["seq"], told[5]["offset"]) == (2, spool.facts.size)
    assert spool.told("chunk_closed") == [{"event": "chunk_closed", "boot": told[0]["boot"], "seq": 1}]
    assert spool.media(1).read_bytes()[told[1]["offset"] :][: told[1]["length"]][4:8] == b"moof"


def test_sidecar_counts_what_was_dropped_during_its_chunk(feed: MakeFeed) -> None:
    spool = feed()
    spool.write(5, dropped=3)
    spool.write(5, dropped=10)
    spool.spool.close(12)
    assert [spool.sidecar(seq)["dropped"] for seq in (1, 2)] == [7, 2]


def test_torn_tail_is_cut_and_the_chunk_closed(feed: MakeFeed) -> None:
    before = feed()
    before.write(3)
    whole = before.media(1).stat().st_size
    with open(before.media(1), "ab") as file:
        file.write(before.content[:-1])
    after = feed()
    assert after.media(1).stat().st_size == whole == after.sidecar(1)["bytes"]
    assert (after.sidecar(1)["closed"], after.sidecar(1)["frames"]) == (True, 60)
    assert after.sidecar(1)["ended_mono_ns"] == START_NS + 6_000_000_000
    after.write()
    assert after.sidecar(2)["run"] == 2


@pytest.mark.parametrize("left", [None, b"", b"init only", b"\0\0\0"])
def test_number_of_a_chunk_without_a_fragment_is_given_again(feed: MakeFeed, left: bytes | None) -> None:
    before = feed()
    before.write(6)
    media = before.media(2)
    media.unlink()
    if left is not None:
        media.write_bytes(before.run.init if left == b"init only" else left)
    after = feed()
    assert after.files() == ["00000001.json", "00000001.mp4"]
    after.write()
    assert after.media(2).exists()


def test_number_is_not_given_again_when_the_chunk_has_left_the_spool(feed: MakeFeed) -> None:
    before = feed()
    before.write(5)
    before.spool.close(0)
    for path in before.folder.glob(CHUNKS):
        path.unlink()
    after = feed()
    after.write()
    assert after.media(2).exists()


def test_half_deleted_chunk_is_deleted(feed: MakeFeed) -> None:
    before = feed()
    before.write(10)
    before.spool.close(0)
    before.media(1).unlink()
    assert feed().files() == ["00000002.json", "00000002.mp4"]


@pytest.mark.parametrize("left", [None, b""])
def test_footage_that_vanished_before_it_was_shipped_is_a_gap(feed: MakeFeed, left: bytes | None) -> None:
    before = feed()
    before.write(15)
    before.spool.close(0)
    facts = before.sidecar(2)
    before.media(2).unlink()
    if left is not None:
        before.folder.joinpath(facts["boot"], "00000002.mp4").write_bytes(left)
    (gap,) = feed().gaps()
    assert (gap["cause"], gap["from_ms"], gap["to_ms"] - gap["from_ms"]) == ("corrupt", facts["started_ms"], 10_000)
    assert len(feed().gaps()) == 1, "told once"


def test_deletion_of_shipped_footage_that_a_crash_cut_short_is_no_gap(feed: MakeFeed) -> None:
    before = feed()
    before.write(10)
    before.spool.close(0)
    before.confirm(1)
    before.media(1).unlink()
    assert feed().gaps() == []


def test_number_of_a_chunk_whose_first_fragment_was_never_durable_is_given_again(feed: MakeFeed) -> None:
    spool = feed()
    spool.write(5)

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        spool.write()
    spool.write()
    spool.spool.close(0)
    assert [name for name in spool.files() if name.endswith("mp4")] == ["00000001.mp4", "00000002.mp4"]
    assert spool.sidecar(2)["frames"] == 20


def test_footage_whose_sidecar_is_lost_is_kept_aside(feed: MakeFeed) -> None:
    before = feed()
    before.write(2)
    before.media(1).with_suffix(".json").write_bytes(b"\0" * 300)
    after = feed()
    assert after.files() == ["00000001.damaged"]
    (gap,) = after.gaps()  # nobody knows when they were taken: by the time of the file
    assert (gap["cause"], gap["to_ms"] - gap["from_ms"]) == ("corrupt", 4000)
    assert ".damaged" in gap["detail"]
    assert [one["cause"] for one in feed().gaps()] == ["corrupt"]  # told once


@pytest.mark.parametrize("which", [1, 2, 3])
def test_footage_that_cannot_be_placed_is_a_gap_beside_its_neighbours(feed: MakeFeed, which: int) -> None:
    before = feed()
    before.write(15)
    before.spool.close(0)
    begins = [before.sidecar(seq)["started_ms"] for seq in (1, 2, 3)]
    before.media(which).with_suffix(".json").unlink()
    (gap,) = feed().gaps()
    assert gap["cause"] == "corrupt"
    assert gap["from_ms"] == pytest.approx(begins[which - 1], abs=2)
    assert gap["to_ms"] == pytest.approx(begins[which - 1] + 10_000, abs=2)


def test_what_was_dropped_is_counted_after_a_crash_too(feed: MakeFeed) -> None:
    before = feed()
    before.write(1, dropped=3)
    before.write(1, dropped=8)
    before.write(1, dropped=8)
    after = feed()
    assert after.sidecar(1)["dropped"] == 5
    assert after.files() == ["00000001.json", "00000001.mp4"]


def test_restart_leaves_a_gap_from_the_last_fragment_to_the_first(feed: MakeFeed) -> None:
    feed().write(2)
    after = feed()
    after.begin(start_ns=START_NS + 60_000_000_000)
    after.write(2)
    (gap,) = after.gaps()
    assert gap["cause"] == "recorder"
    assert gap["to_ms"] == after.sidecar(2)["started_ms"]
    assert abs(gap["to_ms"] - gap["from_ms"] - 56_000) < 1000


def test_recorder_that_gave_up_leaves_its_own_cause_once(feed: MakeFeed) -> None:
    before = feed()
    before.write(2)
    before.spool.note(Hole("camera", "There was no picture for 5 s."))
    for start_s, causes in ((60, ["camera"]), (120, ["camera", "recorder"])):
        after = feed()
        after.begin(start_ns=START_NS + start_s * 1_000_000_000)
        after.write(2)
        assert [gap["cause"] for gap in sorted(after.gaps(), key=lambda gap: gap["from_ms"])] == causes
    assert {gap["detail"] for gap in after.gaps()} >= {"There was no picture for 5 s."}


def test_new_boot_has_a_new_id_and_a_gap_by_power(feed: MakeFeed) -> None:
    before = feed()
    before.write(2)
    after = feed(boot="kernel-2")
    after.begin(start_ns=START_NS + 60_000_000_000)
    after.write()
    boots = {event["boot"] for event in before.told("fragment") + after.told("fragment")}
    assert len(boots) == 2
    assert after.told("fragment")[0]["seq"] == 1
    assert [gap["cause"] for gap in after.gaps()] == ["power"]


@pytest.mark.parametrize("boot", ["kernel-2", "kernel-3"])
def test_a_boot_in_which_nothing_was_recorded_leaves_no_second_unexplained(feed: MakeFeed, boot: str) -> None:
    before = feed()
    before.write(2)
    feed(boot="kernel-2")  # its camera gave no picture, and then its recorder or the machine ended
    after = feed(boot=boot)
    after.begin(start_ns=START_NS + 60_000_000_000)
    after.write()
    (gap,) = after.gaps()
    assert gap["cause"] == "power"
    assert abs(gap["to_ms"] - gap["from_ms"] - 56_000) < 1000


def test_a_boot_whose_camera_gave_no_picture_says_so_after_a_restart(feed: MakeFeed) -> None:
    feed().write(2)
    feed(boot="kernel-2").spool.note(Hole("camera", "There was no picture for 5 s."))
    after = feed(boot="kernel-2")
    after.begin(start_ns=START_NS + 60_000_000_000)
    after.write()
    assert [gap["cause"] for gap in after.gaps()] == ["camera"]


def test_a_damaged_boot_file_leaves_no_second_unexplained(feed: MakeFeed) -> None:
    before = feed()
    before.write(2)
    (before.folder / "boot.json").write_text("{")
    after = feed()
    after.begin(start_ns=START_NS + 60_000_000_000)
    after.write()
    assert [gap["cause"] for gap in after.gaps()] == ["power"]


def test_clock_set_back_gives_no_gap_that_ends_before_it_begins(feed: MakeFeed) -> None:
    feed().write(2)
    after = feed(boot="kernel-2")
    after.begin(start_ns=START_NS - 10_000_000_000)
    after.write()
    (gap,) = after.gaps()
    assert gap["from_ms"] < gap["to_ms"]
    assert "clock was set back" in gap["detail"]


def test_first_start_ever_leaves_no_gap(feed: MakeFeed) -> None:
    spool = feed()
    spool.begin(Hole("camera", "The source had to be started twice."))
    spool.write(2)
    assert spool.gaps() == []


def test_damaged_boot_file_begins_a_new_boot_and_keeps_the_chunks(feed: MakeFeed) -> None:
    before = feed()
    before.write(5)
    (before.folder / "boot.json").write_text("{")
    after = feed()
    after.write()
    assert after.files().count("00000001.mp4") == 2


def quota(spool: Feed, chunks: float) -> None:
    """Room for so many chunks of three fragments."""
    size = 3 * len(spool.content) + spool.facts.size
    spool.spool.settings = replace(SETTINGS, spool_max_bytes=round(chunks * size))


def filled(feed: MakeFeed, chunks: int) -> Feed:
    spool = feed()
    for number in range(chunks):
        spool.write(3)
        spool.spool.close(0)
        spool.begin(start_ns=START_NS + number * 6_000_000_000)
    return spool


def test_confirmed_chunks_leave_before_older_unconfirmed_ones(feed: MakeFeed) -> None:
    spool = filled(feed, 5)
    spool.confirm(3)
    spool.confirm(4)
    quota(spool, 5)
    spool.write()
    assert [int(name[:8]) for name in spool.files() if name.endswith("mp4")] == [1, 2, 4, 5, 6]
    assert spool.gaps() == []
    quota(spool, 2.9)
    spool.write()
    assert [int(name[:8]) for name in spool.files() if name.endswith("mp4")] == [2, 5, 6]


def test_unconfirmed_chunk_that_must_leave_is_a_gap(feed: MakeFeed) -> None:
    spool = filled(feed, 4)
    facts = spool.sidecar(1)
    quota(spool, 4)
    spool.write()
    assert "00000001.mp4" not in spool.files()
    (gap,) = spool.gaps()
    assert (gap["cause"], gap["boot"], gap["from_ms"]) == ("spool_full", facts["boot"], facts["started_ms"])
    assert gap["to_ms"] - gap["from_ms"] == 6000


def test_gap_begins_where_the_shipped_part_ends(feed: MakeFeed) -> None:
    spool = filled(feed, 4)
    facts = spool.sidecar(1)
    spool.confirm(1, spool.facts.size + len(spool.content) + 10)
    quota(spool, 4)
    spool.write()
    (gap,) = spool.gaps()
    assert gap["from_ms"] == facts["started_ms"] + 2000


def test_chunks_stay_small_beside_the_quota(feed: MakeFeed) -> None:
    spool = feed()
    spool.spool.settings = replace(SETTINGS, chunk_s=3600, spool_max_bytes=13 * len(spool.content))
    spool.write(40)
    assert spool.spool.held_bytes <= 13 * len(spool.content)
    assert len([name for name in spool.files() if name.endswith("mp4")]) >= 3
    assert len(spool.gaps()) > 3


def test_free_space_floor_holds_and_is_told(feed: MakeFeed) -> None:
    spool = feed()
    spool.write(2)
    spool.spool.free_floor_bytes = 2**60
    spool.write(2)
    assert spool.spool.lost == 40
    assert [event["state"] for event in spool.told("state")] == ["broken"]
    assert "Free some space" in spool.told("state")[0]["words"]
    spool.spool.free_floor_bytes = 0
    spool.write()
    assert spool.told("state")[-1]["state"] == "ok"
    # First the only chunk left went, then came what could not be written at all.
    assert [(gap["cause"], gap["to_ms"] - gap["from_ms"]) for gap in spool.gaps()] == [("spool_full", 4000)] * 2


def test_broken_disk_is_told_counted_and_survived(feed: MakeFeed) -> None:
    spool = feed()
    spool.write(2)
    # The descriptor of the open chunk fails as on a card that was pulled out.
    os.close(spool.spool._open._descriptor)  # type: ignore[union-attr]
    spool.write()
    assert spool.told("state")[-1]["state"] == "broken"
    spool.write(2)
    spool.spool.close(0)
    assert spool.spool.lost == 20
    assert [gap["cause"] for gap in spool.gaps()] == ["disk"]
    told = spool.told("state")[-1]
    assert (told["part"], told["state"], told["words"]) == ("spool", "ok", "Recording again.")
    assert [(spool.sidecar(seq)["frames"], spool.sidecar(seq)["closed"]) for seq in (1, 2)] == [(40, True), (40, True)]


def test_folder_that_vanished_comes_back(feed: MakeFeed, tmp_path: Path) -> None:
    spool = feed()
    spool.write(2)
    spool.spool.close(0)
    shutil.move(spool.folder, tmp_path / "elsewhere")
    spool.folder.write_text("a file where the disk was")
    spool.begin()
    spool.write(3)
    assert spool.spool.lost == 60
    assert len(spool.told("state")) == 1, "told once"
    spool.folder.unlink()
    shutil.move(tmp_path / "elsewhere", spool.folder)
    spool.write()
    assert spool.told("state")[-1]["state"] == "ok"


def test_spool_that_cannot_be_opened_is_tried_again(tmp_path: Path, muxed: bytes) -> None:
    (tmp_path / "spool").write_text("no folder")
    spool = Feed(tmp_path / "spool", muxed)
    spool.write()
    assert spool.spool.lost == 20
    assert spool.told("state")[0]["state"] == "broken"
    (tmp_path / "spool").unlink()
    spool.write()
    assert spool.spool.recorded == 20


def test_disk_that_hangs_costs_frames_that_are_counted_but_no_memory(feed: MakeFeed, muxed: bytes) -> None:
    spool = feed()
    spool.spool.close(0)
    writer = Writer(spool.spool, waiting_bytes_max=2 * len(spool.content) + 100)
    writer.begin(Hole("recorder", ""), lambda: 0)
    writer.began(START_NS)
    # The thread does not run yet: nothing is taken, as by a disk that hangs.
    writer.muxed(muxed)
    assert [event["state"] for event in spool.told("state")] == ["broken"]
    writer.start()
    until(lambda: spool.spool.recorded == 40, "what was waiting")
    for at in range(spool.facts.size, len(muxed), 1000):
        writer.muxed(muxed[at : at + 1000])
        until(lambda: not writer._waiting_bytes, "the disk")
    writer.close()
    assert writer.failure is None
    assert (spool.spool.recorded, spool.spool.lost) == (100, 20)
    assert [gap["cause"] for gap in spool.gaps()] == ["disk"]
    assert spool.told("state")[-1]["state"] == "ok"
