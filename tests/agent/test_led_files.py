"""From the files of the agent's processes to a pattern: also when those processes hang, die or never start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ucam_agent.config import State
from ucam_agent.lights import files, pattern
from ucam_agent.lights.files import StatusFiles
from ucam_agent.lights.pattern import Pattern
from ucam_agent.lights.situation import pattern_for

BOOT = "5" * 32
WELL = dict.fromkeys(("camera", "encoder", "recorder", "spool", "storage"), "ok")


class Agent:
    """Writes what recorder and live process write, on a clock that is moved by hand."""

    def __init__(self, directory: Path) -> None:
        self.state, self.now_s, self._written = State(directory), 500.0, 0
        self.state.make()

    def look(self) -> StatusFiles:
        return StatusFiles(self.state, lambda: self.now_s)

    def record(self) -> None:
        """One more fragment is durable."""
        chunk = self.state.spool / BOOT / "00000007.mp4"
        chunk.parent.mkdir(exist_ok=True)
        with chunk.open("ab") as file:
            file.write(b"fragment")
        (self.state.spool / "boot.json").write_text(json.dumps({"boot": BOOT, "next_seq": 8, "next_run": 2}))

    def tell(self, viewers: int = 0, **parts: str) -> None:
        """The live process's heartbeat."""
        self._written += 1
        told: dict[str, Any] = {name: {"state": state, "words": ""} for name, state in {**WELL, **parts}.items()}
        text = json.dumps({"pid": 1, "at": self._written, "status": {"parts": told, "viewers": viewers}})
        fresh = self.state.live_status.with_name(f"{self._written}")
        fresh.write_text(text)
        fresh.rename(self.state.live_status)

    def shows(self, lights: StatusFiles) -> Pattern:
        return pattern_for(lights(), self.now_s)


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path / "state")


@pytest.fixture
def lights(agent: Agent) -> StatusFiles:
    """Of an agent that works: looked at, then heard."""
    lights = agent.look()
    lights()
    agent.record()
    agent.tell()
    assert agent.shows(lights) is pattern.RECORDING
    return lights


def test_before_anything_is_heard_it_is_starting_and_then_broken(agent: Agent) -> None:
    lights = agent.look()
    assert agent.shows(lights) is pattern.STARTING
    agent.now_s += files.FIRST_WITHIN_S + 1
    assert agent.shows(lights) is pattern.FRANTIC


def test_files_of_yesterday_are_no_sign_of_life(agent: Agent) -> None:
    agent.record()
    agent.tell(viewers=2)
    lights = agent.look()
    assert agent.shows(lights) is pattern.STARTING


def test_viewers_show(agent: Agent, lights: StatusFiles) -> None:
    agent.tell(viewers=1)
    assert agent.shows(lights) is pattern.WATCHED


@pytest.mark.parametrize("part", ["camera", "encoder", "recorder", "spool", "storage"])
def test_a_broken_part_is_frantic(agent: Agent, lights: StatusFiles, part: str) -> None:
    agent.tell(0, **{part: "broken"})
    assert agent.shows(lights) is pattern.FRANTIC


def test_a_part_that_limps_is_not_frantic(agent: Agent, lights: StatusFiles) -> None:
    agent.tell(storage="degraded", encoder="degraded", room="broken")
    assert agent.shows(lights) is pattern.RECORDING


def test_off_by_choice_is_not_broken_though_no_footage_comes(agent: Agent, lights: StatusFiles) -> None:
    agent.now_s += files.MEDIA_WITHIN_S + 1
    agent.tell(recorder="off")
    assert agent.shows(lights) is pattern.OFF


def test_a_live_process_that_hangs_is_frantic_though_footage_comes(agent: Agent, lights: StatusFiles) -> None:
    agent.now_s += files.LIVE_WITHIN_S + 1
    agent.record()
    assert agent.shows(lights) is pattern.FRANTIC
    agent.tell()
    assert agent.shows(lights) is pattern.RECORDING


def test_a_recorder_that_died_is_frantic_though_the_live_process_says_nothing_of_it(
    agent: Agent, lights: StatusFiles
) -> None:
    agent.now_s += files.MEDIA_WITHIN_S + 1
    agent.tell()
    assert agent.shows(lights) is pattern.FRANTIC
    agent.record()
    assert agent.shows(lights) is pattern.RECORDING


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"status": 5}', '{"status": {"parts": [], "viewers": "two"}}', "\x00"]
)
def test_a_torn_file_breaks_nothing(agent: Agent, lights: StatusFiles, text: str) -> None:
    agent.state.live_status.write_text(text)
    assert agent.shows(lights) is pattern.RECORDING


def test_any_process_may_ask_the_camera_to_show_itself(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: agent.now_s)
    lights = agent.look()
    files.identify(agent.state, 30)
    assert agent.shows(lights) is pattern.IDENTIFY
    agent.now_s += 31
    assert agent.shows(lights) is pattern.STARTING


def test_a_wish_of_an_earlier_boot_is_not_kept_for_hours(agent: Agent) -> None:
    files.identify_file(agent.state).write_text(json.dumps({"until_mono_s": 90_000.0}))
    assert agent.shows(agent.look()) is pattern.STARTING


def test_a_camera_that_is_gone_is_no_reason_to_start_the_service_afresh(agent: Agent, lights: StatusFiles) -> None:
    agent.tell(camera="broken")
    assert lights.camera_is_gone()
    agent.tell(camera="ok")
    assert not lights.camera_is_gone()
    agent.tell(camera="broken")
    agent.now_s += files.LIVE_WITHIN_S + 1
    lights()
    agent.now_s += files.LIVE_WITHIN_S + 1
    assert not lights.camera_is_gone(), "nobody is there who says so"
