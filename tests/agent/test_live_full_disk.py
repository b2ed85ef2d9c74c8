"""The live process on a disk that takes nothing: it ships, for only that makes room, and stays in the room."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from ucam_agent.config import Config, State
from ucam_agent.supervise import LIVE, SILENCE_MAX_S, Watch
from ucam_protocol import SettingsChanged, Status
from ucam_supervise import State as ChildState

from .recording import fill
from .server import SETTINGS, Server
from .spooling import Spooling
from .watching import LiveProcess, enrolled


async def test_it_ships_and_stays_in_the_room(disk: Path, tmp_path: Path, muxed: bytes) -> None:
    async with Server() as server:
        enrolled(disk / "state", server)
        spooling = Spooling(disk / "state" / "spool", muxed)
        server.storage_fault = 503
        spooling.add(1)
        live = LiveProcess(disk / "state")
        try:
            await server.until(lambda: server.all(Status) and server.requests["POST"])
            fill(disk)
            await server.say(SettingsChanged(settings=replace(SETTINGS, name="Yard")))
            server.storage_fault = None
            upload = await server.until(lambda: server.uploads.get((spooling.boot, 1)), 40)
            await server.until(lambda: upload.length == spooling.chunk_bytes)
            seen = len(server.all(Status))
            await server.until(lambda: len(server.all(Status)) > seen + 1, 40)
            assert server.connections == 1
        finally:
            live.end()


def test_no_heartbeat_on_a_disk_that_takes_nothing_is_no_reason_to_end_it(disk: Path) -> None:
    state = State(disk / "state")
    state.make()
    watch = Watch(Config(state))
    watch.on_state(LIVE, ChildState.RUNNING)
    watch._heard_s -= SILENCE_MAX_S + 1
    assert watch.is_hung()
    fill(disk)
    assert not watch.is_hung()
