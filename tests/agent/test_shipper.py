"""The shipper: every fragment reaches storage once and unchanged, whatever happens on the way."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from ucam_agent import backlog as backlog_module
from ucam_agent import shipper as shipper_module
from ucam_agent.chunk import Chunk
from ucam_agent.clock import Clock, mono_ms
from ucam_agent.report import Reporter
from ucam_agent.shipper import Shipper
from ucam_agent.tus import Storage

from .server import Server
from .spooling import Spooling


@asynccontextmanager
async def shipping(server: Server, spooling: Spooling, *, token: str = "device-token") -> AsyncIterator[Shipper]:
    """A shipper and its reports at work."""
    async with aiohttp.ClientSession() as http:
        storage = Storage(server.storage_url, token, http)
        shipper = Shipper(spooling.spool, storage, lambda: None)
        clock = Clock()  # by which the wall clock of the recordings was right
        clock.add(mono_ms(), mono_ms(), round(mono_ms()) + 1_790_000_000_000 - 6_000)
        reporter = Reporter(spooling.spool / "gaps", storage, shipper, clock, lambda: 2**30)
        tasks = [asyncio.create_task(shipper.run()), asyncio.create_task(reporter.run())]
        try:
            yield shipper
            assert not any(task.done() for task in tasks), "the shipper must not end by itself"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def spooling(tmp_path: Path, muxed: bytes) -> Spooling:
    return Spooling(tmp_path / "spool", muxed)


def has_all(server: Server, spooling: Spooling, *seqs: int) -> Callable[[], bool]:
    """Whether these chunks are on storage, whole, closed and unchanged."""

    def look() -> bool:
        uploads = [server.uploads.get((spooling.boot, seq)) for seq in seqs]
        return all(
            upload is not None
            and upload.length == len(upload.content)
            and bytes(upload.content) == (spooling.spool / spooling.boot / f"{seq:08d}.mp4").read_bytes()
            for seq, upload in zip(seqs, uploads, strict=True)
        )

    return look


async def test_each_fragment_goes_as_one_patch_and_the_last_one_tells_the_length(spooling: Spooling) -> None:
    spooling.add(1, 2)
    async with Server() as server, shipping(server, spooling):
        await server.until(has_all(server, spooling, 1, 2))
        assert [upload.patches for upload in server.uploads.values()] == [len(spooling.fragments)] * 2


async def test_a_fragment_that_is_too_large_for_one_patch_goes_in_parts_and_goes_on_within(
    spooling: Spooling, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = max(fragment.size for fragment in spooling.fragments) // 3
    monkeypatch.setattr(backlog_module, "PIECE_BYTES_MAX", part)
    spooling.add(1)
    async with Server() as server:
        server.takes_parts = True
        async with shipping(server, spooling):
            await server.until(has_all(server, spooling, 1))
        upload = server.uploads[spooling.boot, 1]
        assert upload.patches > 2 * len(spooling.fragments)
        second = spooling.fragments[1]
        del upload.content[second.offset + part :]  # a power cut in the middle of a fragment
        upload.length = None
        Chunk(spooling.spool / spooling.boot, 1).confirmed.write_text("7")
        async with shipping(server, spooling):
            await server.until(has_all(server, spooling, 1))


async def test_a_fragment_is_shipped_as_soon_as_the_recorder_tells_of_it(spooling: Spooling) -> None:
    async with Server() as server, shipping(server, spooling) as shipper:
        chunk = spooling.begin(1)
        for index, fragment in enumerate(spooling.fragments):
            shipper.fragment_recorded(*spooling.record(chunk, index))
            end = fragment.offset + fragment.size
            await server.until(lambda end=end: any(len(one.content) == end for one in server.uploads.values()), 3)
        shipper.chunk_closed(*spooling.end(chunk))
        await server.until(has_all(server, spooling, 1), 3)


async def test_the_growing_end_of_an_open_chunk_is_left_alone_until_it_is_told_of(spooling: Spooling) -> None:
    chunk = spooling.begin(1)
    spooling.record(chunk, 0)
    spooling.record(chunk, 1)
    async with Server() as server, shipping(server, spooling):
        first = spooling.fragments[0]
        upload = await server.until(lambda: server.uploads.get((spooling.boot, 1)))
        await server.until(lambda: len(upload.content) == first.offset + first.size)


async def test_a_chunk_begins_on_storage_only_with_a_durable_fragment(spooling: Spooling) -> None:
    spooling.add(1)
    chunk = spooling.begin(2)
    spooling.record(chunk, 0)  # written, and not told of: the recorder may still wait for its fsync
    async with Server() as server, shipping(server, spooling) as shipper:
        await server.until(has_all(server, spooling, 1))
        assert (spooling.boot, 2) not in server.uploads
        first = spooling.fragments[0]
        shipper.fragment_recorded(spooling.boot, 2, first.offset, first.size)
        await server.until(lambda: (spooling.boot, 2) in server.uploads)


async def test_the_present_is_shipped_while_the_backlog_is_far_from_done(spooling: Spooling) -> None:
    spooling.add(*range(1, 60))
    chunk = spooling.begin(60)
    async with Server() as server, shipping(server, spooling) as shipper:
        shipper.fragment_recorded(*spooling.record(chunk, 0))
        await server.until(lambda: (spooling.boot, 60) in server.uploads and server.uploads[spooling.boot, 60].content)
        assert len(server.uploads) < 30
        await server.until(has_all(server, spooling, *range(1, 60)), 30)


async def test_the_backlog_goes_oldest_first(spooling: Spooling) -> None:
    spooling.add(1, 2, 3, 4, 5)
    async with Server() as server, shipping(server, spooling):
        await server.until(has_all(server, spooling, 1, 2, 3, 4, 5))
        assert [seq for _, seq in server.uploads if seq != 5] == [1, 2, 3, 4]


async def test_what_is_shipped_is_marked_and_not_shipped_again_after_a_restart(spooling: Spooling) -> None:
    (chunk,) = spooling.add(1)
    async with Server() as server:
        async with shipping(server, spooling):
            await server.until(lambda: chunk.confirmed_bytes() == spooling.chunk_bytes)
        asked = dict(server.requests)
        async with shipping(server, spooling):
            await server.until(lambda: len(server.reports) >= 2 and server.reports[-1]["closed"])
        assert dict(server.requests) == asked


async def test_a_chunk_counts_as_confirmed_only_when_storage_has_closed_it(spooling: Spooling) -> None:
    chunk = spooling.begin(1)
    async with Server() as server, shipping(server, spooling) as shipper:
        for index in range(len(spooling.fragments)):
            shipper.fragment_recorded(*spooling.record(chunk, index))
        await server.until(lambda: any(len(one.content) == spooling.chunk_bytes for one in server.uploads.values()))
        assert chunk.confirmed_bytes() < spooling.chunk_bytes
        shipper.chunk_closed(*spooling.end(chunk))
        await server.until(lambda: chunk.confirmed_bytes() == spooling.chunk_bytes)


async def test_a_half_shipped_chunk_goes_on_where_storage_says(spooling: Spooling) -> None:
    (chunk,) = spooling.add(1)
    async with Server() as server:
        async with shipping(server, spooling):
            await server.until(has_all(server, spooling, 1))
        upload = server.uploads[spooling.boot, 1]
        first = spooling.fragments[0]
        del upload.content[first.offset + first.size :]
        upload.length, upload.patches = None, 0
        chunk.confirmed.write_text("7")
        async with shipping(server, spooling):
            await server.until(has_all(server, spooling, 1))
        assert upload.patches == len(spooling.fragments) - 1


async def test_bytes_that_storage_got_behind_our_back_are_not_sent_twice(spooling: Spooling) -> None:
    chunk = spooling.begin(1)
    async with Server() as server, shipping(server, spooling) as shipper:
        shipper.fragment_recorded(*spooling.record(chunk, 0))
        upload = await server.until(lambda: server.uploads.get((spooling.boot, 1)))
        await server.until(lambda: upload.content)
        event = spooling.record(chunk, 1)
        upload.content += chunk.media.read_bytes()[len(upload.content) :]  # its answer was lost
        shipper.fragment_recorded(*event)
        shipper.fragment_recorded(*spooling.record(chunk, 2))
        shipper.chunk_closed(*spooling.end(chunk))
        await server.until(has_all(server, spooling, 1))


@pytest.mark.parametrize("fault", [500, 503, "stopped"])
async def test_storage_away_loses_nothing(
    spooling: Spooling, fault: int | str, caplog: pytest.LogCaptureFixture
) -> None:
    spooling.add(1, 2)
    async with Server() as server, shipping(server, spooling) as shipper:
        await server.until(has_all(server, spooling, 1, 2))
        await server.stop() if fault == "stopped" else setattr(server, "storage_fault", fault)
        spooling.add(3, 4)
        shipper.chunk_closed(spooling.boot, 4)
        await server.until(lambda: shipper.reach.away)
        await asyncio.sleep(0.9)
        server.storage_fault = None
        if fault == "stopped":
            await server.start()
        await server.until(has_all(server, spooling, 1, 2, 3, 4))
        assert not shipper.reach.away
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1, [record.getMessage() for record in warnings]


async def test_a_black_hole_is_given_up_and_tried_again(spooling: Spooling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ucam_agent.tus.SILENT_S", 0.5)
    spooling.add(1)
    async with Server() as server:
        server.storage_fault = "black hole"
        async with shipping(server, spooling) as shipper:
            await server.until(lambda: shipper.reach.away)
            assert "no answer" in shipper.reach.words
            server.storage_fault = None
            await server.until(has_all(server, spooling, 1))


async def test_a_chunk_that_retention_has_deleted_is_not_shipped_any_more(spooling: Spooling) -> None:
    chunks = spooling.add(1, 2)
    async with Server() as server:
        server.gone.add((spooling.boot, 1))
        async with shipping(server, spooling):
            await server.until(lambda: chunks[0].confirmed_bytes() == spooling.chunk_bytes)
            await server.until(has_all(server, spooling, 2))


async def test_bytes_that_never_arrive_unchanged_become_a_gap_and_do_not_hold_up_the_rest(spooling: Spooling) -> None:
    spooling.add(1)
    async with Server() as server, shipping(server, spooling):
        server.storage_fault = "corrupt"
        found = lambda: [gap for report in server.reports for gap in report["gaps"]]  # noqa: E731
        gaps = await server.until(found)
        assert (gaps[0]["cause"], gaps[0]["boot"]) == ("corrupt", spooling.boot)
        server.storage_fault = None
        spooling.add(2)
        await server.until(has_all(server, spooling, 2))
        assert (spooling.spool / spooling.boot / "00000001.mp4").exists()


async def test_a_damaged_recording_becomes_a_gap(spooling: Spooling) -> None:
    (chunk,) = spooling.add(1)
    content = bytearray(chunk.media.read_bytes())
    second = spooling.fragments[1]
    content[second.offset : second.offset + 16] = b"\xff" * 16
    chunk.media.write_bytes(content)
    async with Server() as server, shipping(server, spooling):
        gaps = await server.until(lambda: [gap for report in server.reports for gap in report["gaps"]])
        assert gaps[0]["cause"] == "corrupt"
        assert gaps[0]["from_ms"] - 1_790_000_000_000 == 2000


async def test_a_refused_token_is_said_in_words_and_tried_slowly(spooling: Spooling) -> None:
    spooling.add(1)
    async with Server() as server, shipping(server, spooling, token="stolen") as shipper:
        await server.until(lambda: shipper.reach.refused)
        assert "enrol --again" in shipper.reach.words
        asked = server.requests.total()
        await asyncio.sleep(0.9)
        assert server.requests.total() <= asked + 1


async def test_gaps_are_told_at_once_and_kept_until_they_are_accepted(spooling: Spooling) -> None:
    async with Server() as server:
        server.accept_gaps = False
        async with shipping(server, spooling):
            await server.until(lambda: server.reports)
            id_ = spooling.gap("power")
            path = spooling.spool / "gaps" / f"{id_}.json"
            await server.until(lambda: any(gap["id"] == id_ for gap in server.reports[-1]["gaps"]), 5)
            assert path.exists()
            server.accept_gaps = True
            other = spooling.gap("camera")
            await server.until(lambda: not path.exists() and not path.with_name(f"{other}.json").exists(), 5)


async def test_the_report_tells_closed_chunks_spool_and_what_is_still_here(spooling: Spooling) -> None:
    spooling.add(1, 2)
    async with Server() as server:
        server.storage_fault = 503
        async with shipping(server, spooling) as shipper:
            report = await server.until(lambda: server.reports and server.reports[-1])
            assert report["unshipped"] == [{"from_ms": 1_790_000_000_000, "to_ms": 1_790_000_012_000}]
            assert report["spool"] == {"bytes": 2 * spooling.chunk_bytes, "quota_bytes": 2**30}
            assert report["clock"]["synchronised"] in (True, False)
            server.storage_fault = None
            await server.until(has_all(server, spooling, 1, 2))
            spooling.gap("power")  # sets off a report
            closed = lambda: [one for report in server.reports for one in report["closed"]]  # noqa: E731
            expected = [{"boot": spooling.boot, "seq": seq, "frames": 60, "dropped": 1} for seq in (1, 2)]
            await server.until(lambda: sorted(closed(), key=lambda one: one["seq"]) == expected)
            assert shipper.backlog.unshipped_bytes == 0


async def test_a_chunk_that_the_recorder_deletes_meanwhile_is_forgotten(spooling: Spooling) -> None:
    chunks = spooling.add(1, 2)
    async with Server() as server:
        server.storage_fault = 503
        async with shipping(server, spooling) as shipper:
            await server.until(lambda: shipper.reach.away)
            chunks[0].delete()
            server.storage_fault = None
            await server.until(has_all(server, spooling, 2))
            await server.until(lambda: len(list(shipper.backlog)) == 1, shipper_module.SCAN_EVERY_S + 5)


async def test_a_chunk_that_storage_has_forgotten_is_shipped_anew(spooling: Spooling) -> None:
    chunk = spooling.begin(1)
    async with Server() as server, shipping(server, spooling) as shipper:
        shipper.fragment_recorded(*spooling.record(chunk, 0))
        await server.until(lambda: server.uploads and server.uploads[spooling.boot, 1].content)
        del server.uploads[spooling.boot, 1]
        server.forgotten.add(f"{spooling.boot}-1")
        shipper.fragment_recorded(*spooling.record(chunk, 1))
        shipper.fragment_recorded(*spooling.record(chunk, 2))
        shipper.chunk_closed(*spooling.end(chunk))
        await server.until(has_all(server, spooling, 1))


async def test_one_chunk_that_storage_cannot_take_does_not_hold_up_the_others(spooling: Spooling) -> None:
    spooling.add(1, 2, 3)
    async with Server() as server:
        server.poisoned = (spooling.boot, 1)
        async with shipping(server, spooling):
            await server.until(has_all(server, spooling, 2, 3), 20)
            server.poisoned = None
            await server.until(has_all(server, spooling, 1), 20)


async def test_a_damaged_gap_does_not_spoil_the_report(spooling: Spooling) -> None:
    (spooling.spool / "gaps" / "bad.json").write_text('{"id": "bad", "boot": 3}')
    id_ = spooling.gap("power")
    async with Server() as server, shipping(server, spooling):
        report = await server.until(lambda: server.reports and server.reports[0])
        assert [gap["id"] for gap in report["gaps"]] == [id_]


@pytest.mark.parametrize(("fault", "method", "tries"), [("busy", "PATCH", 3), ("forgetful", "POST", 4)])
async def test_what_storage_cannot_take_just_now_is_tried_with_patience(
    spooling: Spooling, fault: str, method: str, tries: int
) -> None:
    spooling.add(1)
    async with Server() as server:
        server.storage_fault = fault
        async with shipping(server, spooling) as shipper:
            began_s = time.monotonic()
            await server.until(lambda: server.requests[method] >= tries)
            assert time.monotonic() - began_s > 0.9, "without a pause"
            await server.until(lambda: shipper.reach.away)
            server.storage_fault = None
            await server.until(has_all(server, spooling, 1))


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 413, 415, 422, 460])
async def test_only_storage_itself_can_refuse_or_forget_footage(spooling: Spooling, status: int) -> None:
    (chunk,) = spooling.add(1)
    async with Server() as server:
        server.proxy = status
        async with shipping(server, spooling) as shipper:
            await server.until(lambda: server.requests.total() >= 2)
            assert str(status) in shipper.reach.words
            assert chunk.confirmed_bytes() == 0
            server.proxy = None
            await server.until(has_all(server, spooling, 1))
        assert [gap for report in server.reports for gap in report["gaps"]] == []


async def test_a_page_that_says_200_to_everything_has_stored_nothing(spooling: Spooling) -> None:
    (chunk,) = spooling.add(1)
    async with Server() as server:
        server.storage_fault = "hotspot"
        async with shipping(server, spooling) as shipper:
            await server.until(lambda: server.requests["PATCH"] >= 3)
            assert shipper.reach.away
            assert chunk.confirmed_bytes() == 0
            server.storage_fault = None
            await server.until(has_all(server, spooling, 1))


async def test_a_loss_that_cannot_be_written_down_is_told_later(spooling: Spooling) -> None:
    spooling.add(1)
    gaps = spooling.spool / "gaps"
    gaps.rmdir()
    gaps.write_text("a file where the folder was")
    async with Server() as server, shipping(server, spooling) as shipper:
        server.storage_fault = "corrupt"
        await server.until(lambda: server.requests["PATCH"] >= 5)
        assert not any(one.refused for one in shipper.backlog)
        gaps.unlink()
        found = await server.until(lambda: [gap for report in server.reports for gap in report["gaps"]], 30)
        assert found[0]["cause"] == "corrupt"


async def test_a_recording_that_cannot_be_read_becomes_a_gap_and_does_not_hold_up_the_rest(spooling: Spooling) -> None:
    chunks = spooling.add(1, 2, 3)
    chunks[0].media.unlink()
    chunks[0].media.mkdir()  # as good as a bad sector: open() fails
    async with Server() as server, shipping(server, spooling):
        await server.until(has_all(server, spooling, 2, 3))
        (gap,) = await server.until(lambda: [gap for report in server.reports for gap in report["gaps"]], 20)
        assert (gap["cause"], gap["to_ms"] - gap["from_ms"]) == ("corrupt", 6000)


async def test_that_storage_has_it_is_written_down_once_the_disk_takes_it(spooling: Spooling) -> None:
    (chunk,) = spooling.add(1)
    in_the_way = chunk.confirmed.with_name(f".{chunk.confirmed.name}.{os.getpid()}")
    in_the_way.mkdir()
    async with Server() as server, shipping(server, spooling):
        await server.until(has_all(server, spooling, 1))
        await server.until(lambda: server.reports and server.reports[-1]["closed"], 20)
        in_the_way.rmdir()
        await server.until(lambda: chunk.confirmed_bytes() == spooling.chunk_bytes, shipper_module.SCAN_EVERY_S + 5)


async def test_facts_of_one_chunk_that_cannot_be_read_hold_up_no_other(spooling: Spooling) -> None:
    chunks = spooling.add(1, 2)
    chunks[0].sidecar.unlink()
    chunks[0].sidecar.mkdir()
    async with Server() as server, shipping(server, spooling):
        await server.until(has_all(server, spooling, 2))


async def test_a_folder_that_the_recorder_deletes_at_this_moment_ends_nothing(spooling: Spooling) -> None:
    (spooling.spool / uuid.uuid4().hex).symlink_to("gone")  # it was there when the spool was listed
    spooling.add(1)
    async with Server() as server, shipping(server, spooling):
        await server.until(has_all(server, spooling, 1))
