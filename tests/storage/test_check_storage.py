"""check_storage finds what does not agree, and rebuilds rows from the files alone."""

import errno
import os
import random
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from storage.check_moved import missing
from storage.models import Chunk, Gap, Total
from storage.range import text_of
from tests.conftest import Cast
from tests.faults.disk import Disk
from tests.storage.footage import TEN_O_CLOCK_MS, Device, Footage

RESTORED = [
    "boot", "seq", "run", "told_ms", "started_mono_ns", "clock", "placed", "started_ms", "ended_ms", "bytes", "frames",
    "whole_bytes", "init_bytes", "timescale", "first_tfdt", "codec", "width", "height", "fragments", "path",
    "missing_ms",
]  # fmt: skip


@pytest.fixture
def two(device: Device, footage: Footage) -> None:
    """Two chunks, one complete, one that still grows."""
    device.ship(footage.chunk(0, 5), 1)
    device.ship(footage.chunk(5, 5)[:-50], 2, close=False, started_ms=TEN_O_CLOCK_MS + 5000)


def age(media: Path) -> None:
    for file in media.rglob("*"):
        os.utime(file, (1, 1))


def found(capsys: Any) -> str:
    """What a plain run finds, and that it says so by its exit code."""
    with pytest.raises(CommandError):
        call_command("check_storage")
    return str(capsys.readouterr().out)


def mend(capsys: Any) -> str:
    call_command("check_storage", "--repair")
    out = capsys.readouterr().out
    call_command("check_storage")
    capsys.readouterr()
    return str(out)


def test_a_sound_storage_is_said_to_be_sound(two: None, media: Path, capsys: Any) -> None:
    age(media)
    call_command("check_storage")
    assert "2 chunks, 0 problems mended, none left." in capsys.readouterr().out


def test_all_rows_are_rebuilt_from_the_files(cast: Cast, two: None, media: Path, capsys: Any) -> None:
    before = {row["seq"]: row for row in Chunk.objects.values(*RESTORED)}
    Chunk.objects.all().delete()
    Total.objects.all().delete()
    age(media)
    assert found(capsys).count("row_missing") == 2
    assert mend(capsys).count("row_missing (mended)") == 2
    after = {row["seq"]: row for row in Chunk.objects.values(*RESTORED)}
    before[2]["bytes"] = before[2]["whole_bytes"]  # the torn end was no whole fragment
    assert after == before
    query = f"?from={text_of(TEN_O_CLOCK_MS)}&to={text_of(TEN_O_CLOCK_MS + 10_000)}"
    assert cast.api(cast.bob).get(f"/api/cameras/cam001@studio.loc/playlist.m3u8{query}").status_code == 200


def test_a_device_goes_on_with_a_rebuilt_chunk(device: Device, footage: Footage, media: Path, capsys: Any) -> None:
    url = device.ship(footage.chunk(0, 3), close=False)
    Chunk.objects.all().delete()
    age(media)
    mend(capsys)
    offset = int(device.head(url)["Upload-Offset"])
    assert offset == len(footage.chunk(0, 3))
    assert device.patch(url, offset, footage.fragments[3]).status_code == 204


def test_what_a_rebuilt_row_promises_is_on_the_disk(
    device: Device, footage: Footage, media: Path, tmp_path: Path, capsys: Any
) -> None:
    device.ship(footage.chunk(0, 5), 1)
    path, content = Chunk.objects.get().path, footage.chunk(0, 5)
    Chunk.objects.all().delete()
    os.unlink(media / path)
    with Disk(media, random.Random(1)) as disk:
        file = os.open(media / path, os.O_WRONLY | os.O_CREAT)  # by somebody who was killed before the fsync
        os.write(file, content)
        os.close(file)
        age(media)
        mend(capsys)
    assert (disk.survivors(tmp_path / "left", strict=True) / path).read_bytes() == content
    disk.close()


def test_a_missing_file_becomes_a_gap(cast: Cast, two: None, media: Path, capsys: Any) -> None:
    (media / Chunk.objects.get(seq=1).path).unlink()
    assert "file_missing" in found(capsys)
    mend(capsys)
    gap = Gap.objects.get()
    assert (gap.cause, gap.from_ms, gap.to_ms) == ("storage", TEN_O_CLOCK_MS, TEN_O_CLOCK_MS + 5000)
    assert list(Chunk.objects.values_list("seq", flat=True)) == [2]


def test_what_retention_deletes_at_this_moment_is_not_lost(two: None, media: Path) -> None:
    chunk = Chunk.objects.get(seq=1)
    Chunk.objects.filter(seq=1).update(state=Chunk.State.DELETING, closed_at=None)  # since it was read
    (media / chunk.path).unlink()
    assert list(missing(None, chunk, True)) == []
    assert (Chunk.objects.count(), Gap.objects.count()) == (2, 0)


def test_a_file_that_is_too_short_or_too_long_is_mended(
    device: Device, footage: Footage, two: None, media: Path, capsys: Any
) -> None:
    path = media / Chunk.objects.get(seq=1).path
    with path.open("ab") as file:
        file.write(b"too much")
    assert "file_too_long" in found(capsys)
    mend(capsys)
    assert path.read_bytes() == footage.chunk(0, 5)
    os.truncate(path, len(footage.chunk(0, 3)) + 10)
    assert "file_too_short" in found(capsys)
    mend(capsys)
    chunk = Chunk.objects.get(seq=1)
    assert (chunk.bytes, chunk.ended_ms) == (len(footage.chunk(0, 3)), TEN_O_CLOCK_MS + 3000)


def test_what_a_file_has_lost_is_a_gap(device: Device, footage: Footage, two: None, media: Path, capsys: Any) -> None:
    os.truncate(media / Chunk.objects.get(seq=1).path, len(footage.chunk(0, 3)) + 10)
    mend(capsys)
    gap = Gap.objects.get()
    assert (gap.cause, gap.from_ms, gap.to_ms) == ("storage", TEN_O_CLOCK_MS + 3000, TEN_O_CLOCK_MS + 5000)


@pytest.mark.parametrize("whole", [0, 2])
def test_footage_that_cannot_be_read_any_more_is_kept_aside_and_a_gap(
    footage: Footage, two: None, media: Path, capsys: Any, whole: int
) -> None:
    path = media / Chunk.objects.get(seq=1).path
    good = len(footage.chunk(0, whole)) if whole else 0
    content = bytearray(path.read_bytes())
    content[good : good + 16] = b"\xff" * 16
    path.write_bytes(content)
    with pytest.raises(CommandError, match="1 problems"):
        call_command("check_storage", "--repair")
    assert path.with_name(path.name + ".damaged").read_bytes() == content[good:]
    chunk, gap = Chunk.objects.get(seq=1), Gap.objects.get()
    assert (path.stat().st_size, chunk.bytes) == (good, good)
    assert (gap.cause, gap.from_ms) == ("storage", TEN_O_CLOCK_MS + 1000 * whole)
    age(media)
    with pytest.raises(CommandError, match="1 problems, 0 mended"):
        call_command("check_storage", "--repair")
    assert "file_damaged" in capsys.readouterr().out


def test_a_file_without_a_row_that_cannot_be_read_is_left_alone(two: None, media: Path, capsys: Any) -> None:
    path = media / Chunk.objects.get(seq=1).path
    content = b"\xff" * 16 + path.read_bytes()[16:]
    path.write_bytes(content)
    Chunk.objects.filter(seq=1).delete()
    age(media)
    with pytest.raises(CommandError):
        call_command("check_storage", "--repair")
    assert "file_damaged" in capsys.readouterr().out
    assert path.read_bytes() == content


def test_a_bad_sector_is_told_and_costs_nothing(
    two: None, media: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, really = media / Chunk.objects.get(seq=1).path, os.pread
    content = path.read_bytes()

    def pread(descriptor: int, *words: int) -> bytes:
        if os.path.sameopenfile(descriptor, bad.fileno()):
            raise OSError(errno.EIO, "Input/output error")
        return really(descriptor, *words)

    with path.open("rb") as bad:
        monkeypatch.setattr(os, "pread", pread)
        with pytest.raises(CommandError):
            call_command("check_storage", "--repair")
        monkeypatch.undo()
    out = capsys.readouterr().out
    assert out.count("file_unreadable") == 1
    assert path.read_bytes() == content
    assert Chunk.objects.get(seq=1).bytes == len(content)


def test_a_wrong_index_and_wrong_totals_are_mended(cast: Cast, two: None, footage: Footage, capsys: Any) -> None:
    right = Chunk.objects.get(seq=1).fragments
    Chunk.objects.filter(seq=1).update(fragments=right[:24], frames=1)
    Total.objects.update(bytes=5)
    out = found(capsys)
    assert "index_wrong" in out
    assert "totals_wrong" in out
    mend(capsys)
    assert Chunk.objects.get(seq=1).fragments == right
    assert Total.objects.get(camera=cast.camera).ms == 9000


def test_a_second_name_that_a_crash_left_is_taken_away_and_the_file_stays(
    cast: Cast, two: None, media: Path, capsys: Any
) -> None:
    chunk = Chunk.objects.get(seq=1)
    left = (media / chunk.path).with_name(Path(chunk.path).name.replace(f"_{chunk.started_ms}_", "_1000_", 1))
    os.link(media / chunk.path, left)  # as replacing.py does, between its two steps
    age(media)
    assert "name_too_many" in found(capsys)
    assert "name_too_many (mended)" in mend(capsys)
    assert not left.exists()
    assert (media / chunk.path).stat().st_nlink == 1


def test_foreign_files_are_told_and_left_alone(two: None, media: Path, capsys: Any) -> None:
    (media / "holiday.jpg").write_bytes(b"jpg")
    age(media)
    assert "file_foreign: holiday.jpg" in found(capsys)
    with pytest.raises(CommandError, match="1 problems"):
        call_command("check_storage", "--repair")
    assert (media / "holiday.jpg").exists()


def test_an_overlap_within_a_run_is_told(device: Device, footage: Footage, capsys: Any) -> None:
    device.ship(footage.chunk(0, 5), 1)
    device.ship(footage.chunk(5, 5), 2, started_ms=TEN_O_CLOCK_MS + 2000)
    assert "overlap" in found(capsys)
