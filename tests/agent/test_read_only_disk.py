"""A disk that has turned read-only: the recorder lives on, says so where somebody can hear it, and records again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ucam_protocol import Status

from .recording import RecorderProcess, until
from .server import Server
from .watching import LiveProcess, enrolled

KIB = 1024


class Card:
    """A file system of its own that can be turned read-only and back, as the kernel does with a worn-out card."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def turn(self, mode: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{mode}", self.place], check=True)


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Card]:
    """With room enough for recordings."""
    place = tmp_path / "card"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600m", "ucam-test", place], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"Nothing can be mounted here: {made.stderr.strip()}")
    yield Card(place)
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def recorder(card: Card, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RecorderProcess]:
    """Started on a card that was written to before and takes nothing now. `request.param`: it has a place elsewhere."""
    runtime = tmp_path / "run" if getattr(request, "param", False) else None
    if runtime:
        runtime.mkdir()
    made = RecorderProcess(card.place / "state", runtime=runtime)
    (made.state / "status").mkdir()
    (made.state / "spool" / "gaps").mkdir(parents=True)
    made.log = tmp_path / "recorder.log"
    card.turn("ro")
    made.start()
    yield made
    made.close()


def test_without_a_socket_it_lives_and_records_as_soon_as_the_disk_works(recorder: RecorderProcess, card: Card) -> None:
    until(lambda: "live.sock cannot be made (Read-only file system)" in recorder.log.read_text(), "it says why")
    until(lambda: "Frames are being lost" in recorder.log.read_text(), "it encodes all the same", 20)
    card.turn("rw")
    assert recorder.connect().event("fragment", seconds=20)["seq"] == 1
    assert recorder.exit_code is None
    assert recorder.log.read_text().count("cannot be made") == 1, "loud once"


def test_it_ends_well_on_a_disk_that_takes_nothing(recorder: RecorderProcess) -> None:
    until(lambda: "live.sock cannot be made" in recorder.log.read_text(), "it runs")
    assert recorder.end() == 0


@pytest.mark.parametrize("recorder", [True], indirect=True)
def test_with_a_place_for_its_socket_it_is_seen_and_heard_meanwhile(recorder: RecorderProcess, card: Card) -> None:
    listener = recorder.connect(frames=True)
    assert listener.event("state", part="spool", state="broken")["words"] == (
        "The disk cannot be written (Read-only file system). Check card and disk."
    )
    assert len(listener.frames(5)) == 5, "somebody watches"
    card.turn("rw")
    assert listener.event("state", part="spool", seconds=20)["words"] == "Recording again."
    assert os.stat(recorder._runtime / "live.sock").st_mode & 0o777 == 0o600  # type: ignore[operator]


async def test_the_room_hears_why_no_recorder_can_be_asked(card: Card, tmp_path: Path) -> None:
    async with Server() as server:
        enrolled(card.place / "state", server)
        for name in ("status", "spool/gaps"):
            (card.place / "state" / name).mkdir(parents=True)
        card.turn("ro")
        live = LiveProcess(card.place / "state", tmp_path / "live.log")
        try:
            status = await server.until(lambda: next((one for one in server.all(Status) if "spool" in one.parts), None))
            spool = status.parts["spool"]
            assert (spool.state, "Read-only file system" in spool.words) == ("broken", True)
            assert "the disk takes nothing" in status.parts["recorder"].words
            card.turn("rw")
            await server.until(lambda: "is not running" in server.all(Status)[-1].parts["recorder"].words)
        finally:
            live.end()
