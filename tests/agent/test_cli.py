"""The command line: what goes wrong is one sentence and exit code 1."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ucam_agent.config import State
from ucam_agent.disk import too_full
from ucam_agent.status import in_short, with_times

from .server import Server
from .test_supervise import Agent
from .watching import enrolled


def ucam_agent(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ucam_agent.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", ["run", "status"])
def test_a_device_that_is_not_enrolled_hears_what_to_do(tmp_path: Path, command: str) -> None:
    done = ucam_agent(command, "--state", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ucam-agent enrol URL CODE" in done.stderr


@pytest.mark.parametrize("order", [("--state", "{}", "status"), ("status", "--state", "{}")])
def test_the_state_directory_may_stand_before_or_after_the_command(tmp_path: Path, order: tuple[str, ...]) -> None:
    done = ucam_agent(*(part.format(tmp_path) for part in order))
    assert f"{tmp_path}/device.json" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["fly"], ["enrol", "http://x"]])
def test_wrong_use_is_explained(arguments: list[str]) -> None:
    done = ucam_agent(*arguments)
    assert done.returncode == 2
    assert "usage: ucam-agent" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["enrol", "--help"], ["run", "--help"], ["doctor", "--help"]])
def test_every_command_has_help(arguments: list[str]) -> None:
    done = ucam_agent(*arguments)
    assert done.returncode == 0
    assert "--state DIR" in done.stdout


def test_a_configuration_file_with_a_mistake_is_named(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text("stat = 1")
    done = ucam_agent("--config", str(tmp_path / "agent.toml"), "status")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no setting" in done.stderr


async def test_enrol_says_who_the_device_is_now(tmp_path: Path) -> None:
    async with Server() as server:
        done = await asyncio.to_thread(ucam_agent, "enrol", "--state", str(tmp_path / "s"), server.url, "code-1234")
        assert done.returncode == 0, done.stderr
        assert "cam001@studio.loc" in done.stdout
        again = await asyncio.to_thread(ucam_agent, "enrol", "--state", str(tmp_path / "s"), server.url, "code-1234")
        assert (again.returncode, again.stderr.count("\n")) == (1, 1)


async def test_doctor_finds_nothing_wrong_where_nothing_is(tmp_path: Path) -> None:
    async with Server() as server:
        enrolled(tmp_path / "s", server)
        done = await asyncio.to_thread(ucam_agent, "doctor", "--state", str(tmp_path / "s"))
    assert done.returncode == 0, done.stdout
    for part in ("gstreamer", "state", "disk", "led", "identity", "server", "room", "storage"):
        assert f"ok  {part}" in done.stdout
    assert "ok  agent     The agent is not running. Start it:" in done.stdout
    assert done.stdout.endswith("Everything works, but nothing is recorded: see the line of the agent.\n")
    assert not server.cameras
    assert server.connections == 0, "a running agent must not be thrown out of the room"


async def test_doctor_names_a_refused_token(tmp_path: Path) -> None:
    async with Server() as server:
        enrolled(tmp_path / "s", server)
        server.token = "another"
        done = await asyncio.to_thread(ucam_agent, "doctor", "--state", str(tmp_path / "s"))
    assert done.returncode == 1
    assert "ok  server" in done.stdout
    for part in ("room", "storage"):
        assert f"XX  {part}" in done.stdout
    assert done.stdout.count("enrol --again") == 2


async def test_doctor_names_a_server_that_is_not_there(tmp_path: Path) -> None:
    async with Server() as server:
        enrolled(tmp_path / "s", server)
    done = await asyncio.to_thread(ucam_agent, "doctor", "--state", str(tmp_path / "s"))
    assert done.returncode == 1
    assert done.stdout.count("XX") == 3
    assert done.stdout.count("(connection refused)") == 3
    assert done.stdout.count("Check this device's network") == 3
    assert "Traceback" not in done.stderr


def test_doctor_without_an_identity_says_how_to_get_one(tmp_path: Path) -> None:
    done = ucam_agent("doctor", "--state", str(tmp_path / "new"))
    assert done.returncode == 1
    assert "ucam-agent enrol URL CODE" in done.stdout


async def test_status_tells_how_the_camera_is(tmp_path: Path) -> None:
    async with Server() as server:
        enrolled(tmp_path / "s", server)
        idle = await asyncio.to_thread(ucam_agent, "status", "--state", str(tmp_path / "s"))
        assert idle.returncode == 1
        assert "not running" in idle.stdout
        agent = Agent(tmp_path / "s")
        try:
            await server.until(lambda: any(upload.content for upload in server.uploads.values()))
            told = lambda: json.loads((tmp_path / "s/status/live.json").read_text())["status"]  # noqa: E731
            await server.until(lambda: told().get("recording") and "room" in told()["parts"])
            done = await asyncio.to_thread(ucam_agent, "status", "--state", str(tmp_path / "s"))
            doctor = await asyncio.to_thread(ucam_agent, "doctor", "--state", str(tmp_path / "s"))
        finally:
            agent.end(signal.SIGTERM)
    assert "ok  agent     It runs and records." in doctor.stdout
    assert doctor.stdout.endswith("Everything works.\n")
    assert done.returncode == 0, done.stdout
    assert "Recording; 0 watching live." in done.stdout
    assert "ok  room" in done.stdout


def said_by_a_running_agent(state: State, recording: bool, **parts: tuple[str, str]) -> None:
    """As its processes write it; this process is the one that runs."""
    state.make()
    state.status.write_text(json.dumps({"pid": os.getpid()}))
    told = {"recording": recording, "parts": {name: {"state": how, "words": why} for name, (how, why) in parts.items()}}
    state.live_status.write_text(json.dumps({"at": time.time(), "status": told}))


@pytest.mark.parametrize(
    ("recording", "parts", "works", "said"),
    [
        (True, {"storage": ("broken", "Storage is away.")}, True, "It runs and records."),
        (False, {"recorder": ("off", "Off until Monday.")}, True, "It runs, and does not record now, as it was told."),
        (False, {"camera": ("starting", "")}, True, "It runs, and has not recorded yet."),
        (False, {"camera": ("broken", "Check its plug.")}, False, "It runs, but does not record. Check its plug."),
    ],
)
def test_doctor_says_whether_the_running_agent_records(
    tmp_path: Path, recording: bool, parts: dict[str, tuple[str, str]], works: bool, said: str
) -> None:
    said_by_a_running_agent(State(tmp_path), recording, **parts)
    assert in_short(State(tmp_path)) == (works, said)


def test_an_agent_that_says_nothing_is_asked_for_by_its_log_or_by_its_disk(disk: Path) -> None:
    state = State(disk / "s")
    said_by_a_running_agent(state, True)
    state.live_status.unlink()
    assert in_short(state) == (False, "The agent runs, but has not said anything lately. " + too_full())
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    assert "Read-only file system" in in_short(state)[1]


def test_on_a_disk_that_takes_nothing_nobody_is_told_that_no_agent_runs(disk: Path) -> None:
    state = State(disk / "s")
    state.make()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    works, words = in_short(state)
    assert not works
    assert words == (
        "Whether the agent runs cannot be told, for it can write nothing down. "
        "The disk cannot be written (Read-only file system). Check card and disk."
    )


def test_doctor_names_a_read_only_disk_and_what_to_do(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    done = ucam_agent("doctor", "--state", str(disk))
    assert "XX  disk      The disk below" in done.stdout
    assert "put in a new one" in done.stdout
    assert "Run as the agent's user" not in done.stdout


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2026-11-24T07:00:00Z", "08:00"),
        ("2026-11-26T23:30:00Z", "Friday 00:30"),
        ("2026-12-24T07:00:00Z", "24 December 2026, 08:00"),
        ("2026-19-24T07:00:00Z", "2026-19-24T07:00:00Z"),
    ],
)
def test_a_time_is_shown_as_the_clock_beside_the_camera_has_it(instant: str, shown: str) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    said = with_times(f"Off by its schedule until {instant}.", ZoneInfo("Europe/Berlin"), now)
    assert said == f"Off by its schedule until {shown}."


def test_status_says_what_to_look_after(tmp_path: Path) -> None:
    state = State(tmp_path)
    nowhere = dict.fromkeys(("server", "room", "storage"), "http://127.0.0.1:9/")
    state.device.write_text(json.dumps({"jid": "cam001@demo.loc", "token": "t", **nowhere}))
    said_by_a_running_agent(state, False, camera=("broken", "Check its plug."), clock=("unknown", ""))
    done = ucam_agent("status", "--state", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.endswith("Look after: camera. More about each: ucam-agent doctor\n")
