"""The connection to the room comes back by itself, says so once, and measures the clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from ucam_agent import connection as connection_module
from ucam_agent.clock import Clock
from ucam_agent.connection import Connection, ConnectionState
from ucam_protocol import Hangup, Hello, Ping, SettingsChanged, Status, Welcome

from .server import SETTINGS, Server


class Room:
    """A connection at work, and what it has told."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection, self.clock = connection, clock
        self.messages: list[Any] = []
        self.states: list[ConnectionState] = []
        self.words = ""


@asynccontextmanager
async def room(server: Server, token: str = "device-token") -> AsyncIterator[Room]:
    """A connection to that server."""
    async with aiohttp.ClientSession() as http:
        clock = Clock()

        def on_state(state: ConnectionState, words: str) -> None:
            found.states.append(state)
            found.words = words

        connection = Connection(
            server.room_url, token, http, clock, on_message=lambda one: found.messages.append(one), on_state=on_state
        )
        found = Room(connection, clock)
        task = asyncio.create_task(connection.run())
        try:
            yield found
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_hello_names_version_and_capabilities_and_is_welcomed() -> None:
    async with Server() as server, room(server) as camera:
        await server.until(lambda: camera.connection.state is ConnectionState.ONLINE)
        (hello,) = server.all(Hello)
        assert (hello.version, hello.capabilities) == (1, ["live", "record", "commands"])
        assert isinstance(camera.messages[0], Welcome)
        assert camera.connection.jid == "cam001@studio.loc/x1"


async def test_messages_go_both_ways() -> None:
    async with Server() as server, room(server) as camera:
        await server.until(lambda: camera.connection.state is ConnectionState.ONLINE)
        assert camera.connection.send(Status(viewers=3))
        await server.until(lambda: [one for one in server.all(Status) if one.viewers == 3])
        await server.say(SettingsChanged(settings=SETTINGS))
        await server.until(lambda: camera.messages[-1] == SettingsChanged(settings=SETTINGS))


async def test_what_is_sent_while_offline_is_not_kept() -> None:
    async with Server() as server:
        await server.stop()
        async with room(server) as camera:
            await server.until(lambda: camera.connection.state is ConnectionState.OFFLINE)
            assert not camera.connection.send(Hangup(session="session-1"))


async def test_it_is_back_within_five_seconds_after_the_server_was_restarted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ucam_agent")
    async with Server() as server, room(server) as camera:
        await server.until(lambda: server.connections == 1)
        await server.stop()
        await server.until(lambda: camera.connection.state is ConnectionState.OFFLINE)
        await asyncio.sleep(0.9)
        await server.start()
        await server.until(lambda: server.connections == 2, 5)
        await server.until(
            lambda: camera.states == [ConnectionState.ONLINE, ConnectionState.OFFLINE, ConnectionState.ONLINE]
        )
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["WARNING"]


async def test_a_server_that_stays_away_is_complained_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async with Server() as server:
        await server.stop()
        async with room(server) as camera:
            await server.until(lambda: camera.connection._backoff.attempts >= 3, 10)
            assert camera.states == [ConnectionState.OFFLINE]
            assert "cannot be reached" in camera.words
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


@pytest.mark.parametrize("moment", ["handshake", "later"])
async def test_a_revoked_token_is_said_in_words_and_tried_slowly(moment: str) -> None:
    async with Server() as server, room(server, "device-token" if moment == "later" else "revoked") as camera:
        if moment == "later":
            await server.until(lambda: server.cameras)
            server.token = "another"
            await server.cameras[-1].close(code=4401)
        await server.until(lambda: camera.connection.state is ConnectionState.REFUSED)
        assert "enrol --again" in camera.words
        connections = server.connections
        await asyncio.sleep(0.9)
        assert server.connections == connections


async def test_another_device_with_the_same_token_is_named() -> None:
    async with Server() as server, room(server) as camera:
        await server.until(lambda: server.cameras)
        await server.cameras[-1].close(code=4409)
        await server.until(lambda: camera.connection.state is ConnectionState.OFFLINE)
        assert "Another device" in camera.words


async def test_the_clock_is_measured_by_pings_at_the_start() -> None:
    async with Server() as server:
        server.clock_ahead_ms = 90_000
        async with room(server) as camera:
            await server.until(lambda: len(server.all(Ping)) >= 3 and camera.clock.offset_ms is not None)
            assert camera.clock.offset_ms == pytest.approx(90_000, abs=60)


async def test_frames_that_nobody_understands_change_nothing() -> None:
    async with Server() as server, room(server) as camera:
        await server.until(lambda: server.cameras)
        for frame in ("[]", "{", '{"type": "future"}', '{"type": "call"}', "x" * 70_000):
            await server.cameras[-1].send_str(frame)
        await server.say(SettingsChanged(settings=SETTINGS))
        await server.until(lambda: camera.messages and isinstance(camera.messages[-1], SettingsChanged))
        assert server.connections == 1


async def test_a_server_that_never_welcomes_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "WELCOME_WITHIN_S", 0.3)

    async def listen(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    listener = await asyncio.start_server(listen, "127.0.0.1", 0)
    monkeypatch.setattr(connection_module, "CONNECT_WITHIN_S", 0.3)
    async with Server() as server, listener:
        server.port = listener.sockets[0].getsockname()[1]
        async with room(server) as camera:
            await server.until(lambda: camera.connection.state is ConnectionState.OFFLINE)
            assert "no answer in time" in camera.words
        await server.stop()
