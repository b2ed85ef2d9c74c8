"""`ucam-agent run`: two processes that are kept running, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .recording import fragments_of
from .server import Server
from .watching import enrolled, watching


class Agent:
    """`ucam-agent run` on a state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.output = state.parent / "agent.log"
        with open(self.output, "ab") as log:
            command = [sys.executable, "-m", "ucam_agent.cli", "run", "--state", str(state)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        return self._process.pid

    def children(self) -> dict[str, int]:
        """Process numbers of recorder and live process."""
        found: dict[str, int] = {}
        for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            found |= {name: int(pid) for name in ("recorder", "live") if f"ucam_agent.{name}".encode() in command}
        return found

    def mapped(self) -> str:
        """What the supervisor itself has loaded."""
        return Path(f"/proc/{self.pid}/maps").read_text()

    def fragments(self) -> int:
        return sum(len(fragments_of(path)) for path in self.state.glob("spool/*/*.mp4"))

    def end(self, number: int = signal.SIGTERM) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(20)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as found:
        yield found


@pytest.fixture
async def agent(tmp_path: Path, server: Server) -> AsyncIterator[Agent]:
    enrolled(tmp_path / "state", server)
    found = Agent(tmp_path / "state")
    try:
        await server.until(lambda: server.cameras and len(found.children()) == 2)
        yield found
    finally:
        found.end()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_it_records_ships_and_ends_with_nothing_left_running(agent: Agent, server: Server) -> None:
    await server.until(lambda: any(upload.content for upload in server.uploads.values()))
    children = agent.children()
    assert agent.end() == 0
    assert not any(alive(pid) for pid in children.values())


async def test_the_supervisor_loads_neither_gi_nor_network(agent: Agent) -> None:
    mapped = agent.mapped()
    assert not any(name in mapped for name in ("libgstreamer", "_gi.", "aiohttp", "msgspec"))


async def test_a_killed_live_process_is_back_in_the_room_within_5_s_and_the_recorder_is_not_touched(
    agent: Agent, server: Server
) -> None:
    recorder = agent.children()["recorder"]
    async with watching(server) as viewer:
        await server.until(lambda: viewer.frames >= 3)
        os.kill(agent.children()["live"], signal.SIGKILL)
        await server.until(lambda: server.connections == 2, 5)
    async with watching(server) as viewer:
        await server.until(lambda: viewer.frames >= 3)
    assert agent.children()["recorder"] == recorder
    before = agent.fragments()
    await server.until(lambda: agent.fragments() > before)
    assert list(agent.state.glob("spool/gaps/*.json")) == []


async def test_a_live_process_that_hangs_is_replaced(agent: Agent, server: Server) -> None:
    stuck = agent.children()["live"]
    os.kill(stuck, signal.SIGSTOP)
    await server.until(lambda: agent.children().get("live", stuck) != stuck, 40)
    await server.until(lambda: server.connections == 2, 10)
    assert not alive(stuck)


async def test_a_killed_recorder_records_again_within_5_s(agent: Agent, server: Server) -> None:
    await server.until(lambda: agent.fragments() >= 1)
    os.kill(agent.children()["recorder"], signal.SIGKILL)
    before = agent.fragments()
    await server.until(lambda: agent.fragments() > before, 8)
    gaps: Any = await server.until(lambda: [gap for report in server.reports for gap in report["gaps"]], 20)
    assert gaps[0]["cause"] == "recorder"


async def test_a_killed_supervisor_takes_its_children_along(agent: Agent, server: Server) -> None:
    children = agent.children()
    agent.end(signal.SIGKILL)
    await server.until(lambda: not any(alive(pid) for pid in children.values()), 5)


async def test_it_records_without_any_server(tmp_path: Path) -> None:
    async with Server() as server:
        enrolled(tmp_path / "state", server)
    agent = Agent(tmp_path / "state")
    try:
        began = time.monotonic()
        await server.until(lambda: agent.fragments() >= 1)
        assert time.monotonic() - began < 10
    finally:
        assert agent.end() == 0


async def test_status_json_names_the_children(agent: Agent, server: Server) -> None:
    def states() -> dict[str, str]:
        return dict(json.loads((agent.state / "status.json").read_text())["children"])

    await server.until(lambda: states() == {"recorder": "running", "live": "running"})
