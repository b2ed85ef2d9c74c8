"""A slow uplink is not a dead one; the past leaves room for the present; storage that is back is found at once."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from ucam_agent.shipper import Shipper
from ucam_agent.tus import Storage, paced
from ucam_agent.wire import Wire

from .server import Server
from .spooling import Spooling


@pytest.fixture
def spooling(tmp_path: Path, muxed: bytes) -> Spooling:
    return Spooling(tmp_path / "spool", muxed)


@asynccontextmanager
async def narrow(port: int, bytes_s: float) -> AsyncIterator[int]:
    """A port through which bytes reach `port` no faster than that, with hardly any buffer."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    copies: set[asyncio.Task[None]] = set()

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, pause_s: float) -> None:
        while content := await source.read(2048):
            sink.write(content)
            await sink.drain()
            await asyncio.sleep(len(content) * pause_s)
        sink.close()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inside, outside = await asyncio.open_connection("127.0.0.1", port)
        for pair in ((reader, outside, 1 / bytes_s), (inside, writer, 0.0)):
            copies.add(asyncio.create_task(copy(*pair)))

    server = await asyncio.start_server(take, sock=listener, limit=2048)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()
        for task in copies:
            task.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


@asynccontextmanager
async def storage_at(url: str) -> AsyncIterator[Storage]:
    wire = Wire()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=wire.make)) as http:
        yield Storage(url, "device-token", http, wire)


@asynccontextmanager
async def working(shipper: Shipper) -> AsyncIterator[None]:
    task = asyncio.create_task(shipper.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_request_may_take_as_long_as_bytes_move(spooling: Spooling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ucam_agent.tus.SILENT_S", 1.0)
    content = spooling.add(1)[0].media.read_bytes()[: spooling.fragments[0].offset + spooling.fragments[0].size]
    async with (
        Server() as server,
        narrow(server.port, len(content) / 2.5) as port,
        storage_at(f"http://127.0.0.1:{port}/api/device/") as storage,
    ):
        shipper = Shipper(spooling.spool, storage, lambda: None)
        begun_s = time.monotonic()
        async with working(shipper):
            await server.until(lambda: any(upload.patches for upload in server.uploads.values()), 20)
        assert time.monotonic() - begun_s > 1.5
        assert not shipper.reach.away
        assert server.requests["PATCH"] == 1


async def test_silence_ends_a_request(spooling: Spooling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ucam_agent.tus.SILENT_S", 0.4)
    spooling.add(1)
    async with Server() as server, storage_at(server.storage_url) as storage:
        server.storage_fault = "black hole"
        shipper = Shipper(spooling.spool, storage, lambda: None)
        async with working(shipper):
            await server.until(lambda: shipper.reach.away, 5)
        assert shipper.reach.words == "Storage gives no answer."


async def test_the_past_is_shipped_no_faster_than_the_uplink_allows() -> None:
    content, begun_s = bytes(64 * 1024), time.monotonic()
    pieces = [piece async for piece in paced(content, 128 * 1024)]
    assert b"".join(pieces) == content
    assert 0.3 < time.monotonic() - begun_s < 2


async def test_a_limited_backlog_arrives_whole(spooling: Spooling) -> None:
    spooling.add(1, 2, 3)
    async with Server() as server, storage_at(server.storage_url) as storage:
        shipper = Shipper(spooling.spool, storage, lambda: None)
        shipper.uplink_kbit = 4000
        begun_s = time.monotonic()
        async with working(shipper):
            await server.until(lambda: sum(one.length is not None for one in server.uploads.values()) == 3)
        limited_bytes = 2 * spooling.chunk_bytes
        assert time.monotonic() - begun_s > limited_bytes / (4000 * 125) * 0.5
        assert (
            bytes(server.uploads[spooling.boot, 1].content)
            == (spooling.spool / spooling.boot / "00000001.mp4").read_bytes()
        )


async def test_while_somebody_watches_the_past_leaves_room_for_the_live_picture(spooling: Spooling) -> None:
    spooling.add(1, 2, 3)
    async with Server() as server, storage_at(server.storage_url) as storage:
        shipper = Shipper(spooling.spool, storage, lambda: None)
        shipper.watched = True
        shipper.inflow.add(spooling.chunk_bytes // 4)  # within this second: the past may take two chunks in one
        begun_s = time.monotonic()
        async with working(shipper):
            await server.until(lambda: sum(one.length is not None for one in server.uploads.values()) == 3)
        assert time.monotonic() - begun_s > 0.5


async def test_coming_into_the_room_asks_storage_again_at_once(
    spooling: Spooling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ucam_agent.shipper.Backoff.delay_s", lambda self: 60.0)
    spooling.add(1)
    async with Server() as server, storage_at(server.storage_url) as storage:
        server.storage_fault = 503
        shipper = Shipper(spooling.spool, storage, lambda: None)
        async with working(shipper):
            await server.until(lambda: shipper.reach.away)
            server.storage_fault = None
            shipper.room(True)
            await server.until(lambda: any(upload.length for upload in server.uploads.values()), 5)
        assert not shipper.reach.away


async def test_a_slow_uplink_is_never_silent_for_long() -> None:
    begun_s = time.monotonic()
    pieces = paced(bytes(4096), 800.0)  # what 64 kbit/s leave for the past
    first, second = await anext(pieces), await anext(pieces)
    assert time.monotonic() - begun_s < 3
    assert len(first) == len(second) <= 1024
    await pieces.aclose()  # type: ignore[attr-defined]
