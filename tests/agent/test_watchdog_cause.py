"""systemd's watchdog starts an agent afresh that records nothing, unless that cannot help; and ever more rarely."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from ucam_agent import disk as own_disk
from ucam_agent.config import Config, Leds, State, Systemd
from ucam_agent.lights.situation import pattern_for
from ucam_agent.patience import FIRST_S, MOST_S
from ucam_agent.signs import Signs

from .recording import fill


class Clock:
    """Passes when it is told to."""

    def __init__(self) -> None:
        self.s = time.monotonic()

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(disk: Path, tmp_path: Path) -> State:
    """On a disk of its own; its fragments are small."""
    runtime = tmp_path / "run"
    runtime.mkdir()
    made = State(disk / "state", runtime)
    made.make()
    return made


def signs(state: State, clock: Clock, notify: Path | None = None) -> Signs:
    return Signs(Config(state, leds=Leds(act=False)), Systemd(str(notify) if notify else None, 30), clock)


def record(state: State, content: bytes) -> None:
    """As a recorder does."""
    (state.spool / "ab").mkdir(exist_ok=True)
    (state.spool / "ab" / "00000001.mp4").write_bytes(content)
    (state.spool / "boot.json").write_text(json.dumps({"boot": "ab", "next_seq": 2}))


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's disk is too small for the floor of a real one."""
    monkeypatch.setattr(own_disk, "FREE_FLOOR_BYTES", 64 * 1024)
    monkeypatch.setattr(own_disk, "FRAGMENT_BYTES", 64 * 1024)


@pytest.mark.usefixtures("roomy")
def test_nothing_is_recorded_on_a_disk_that_works_so_it_starts_afresh(state: State, clock: Clock) -> None:
    running = signs(state, clock)
    assert running.well()
    clock.s += FIRST_S + 1
    assert not running.well()


@pytest.mark.usefixtures("roomy")
def test_a_full_disk_is_told_and_is_no_reason_to_start_afresh(state: State, clock: Clock, tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "notify"))
    listening.settimeout(5)
    running = signs(state, clock, tmp_path / "notify")
    fill(state.directory)
    for _ in range(3):
        clock.s += FIRST_S + 1
        assert running.well()
    assert listening.recv(4096).decode().startswith("STATUS=The disk cannot be written (No space left on device)")
    (state.directory / "somebody-elses").unlink()
    assert not running.well(), "the disk works, and still nothing is recorded"


@pytest.mark.usefixtures("roomy")
def test_nor_is_a_disk_that_others_have_filled_nearly(state: State, clock: Clock) -> None:
    running = signs(state, clock)
    clock.s += FIRST_S + 1
    free = os.statvfs(state.directory)
    (state.directory / "somebody-elses").write_bytes(bytes(free.f_bavail * free.f_frsize - 100 * 1024))
    assert running.well()
    record(state, b"it could make room")
    assert running.well()  # that it came is a sign of life
    clock.s += FIRST_S + 1
    assert not running.well(), "the room that there is could be used"


@pytest.mark.usefixtures("roomy")
def test_a_read_only_disk_flickers_and_is_no_reason_to_start_afresh(disk: Path, state: State, clock: Clock) -> None:
    running = signs(state, clock)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    clock.s += FIRST_S + 1
    assert running.well()
    assert pattern_for(running._source(), clock.s).name == "frantic"
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert not running.well()


@pytest.mark.usefixtures("roomy")
def test_each_start_that_was_no_help_makes_it_more_patient_until_something_is_recorded(
    state: State, clock: Clock
) -> None:
    waited = []
    for _ in range(7):
        running, began_s = signs(state, clock), clock.s
        while running.well():
            clock.s += 10
        waited.append(clock.s - began_s)
    assert waited == pytest.approx([min(FIRST_S * 2**number, MOST_S) for number in range(7)], abs=20)
    running = signs(state, clock)
    record(state, b"a fragment")
    assert running.well()
    clock.s += FIRST_S + 1
    assert not running.well(), "after a success it is as impatient as at first"
    running = signs(state, clock)
    clock.s += 2 * FIRST_S + 1
    assert not running.well()
