"""Whoever floods a real server with rubbish is closed; its memory holds, and the others are still answered."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import secrets
import struct
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from ucam_protocol import SUBPROTOCOL, Ping, Pong

from tests.conftest import Cast
from tests.faults.campaign import Campaign
from tests.faults.conftest import campaign
from tests.room.flooder import RUBBISH
from tests.room.servers import ROOT, NetPeer, WebServer
from tests.room.test_processes import Make, Start, peers, servers

__all__ = ["campaign", "peers", "servers"]

SENT = int(os.environ.get("CAMPAIGN_ROUNDS", 1500))
ASKED = int(os.environ.get("CAMPAIGN_ROUNDS", 2000))  # with and without a flood each
STRETCHES = 4
MEMORY_MORE_MIB = 100
GIB = 2**30


def memory_mib(server: WebServer) -> float:
    """Resident, at its highest."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


async def announce_a_gibibyte(server: WebServer) -> bytes:
    """One frame whose head says that a GiB follows, with 4 MiB of it; what the server answers after the handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    lines = ["GET /ws/room HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Origin: http://127.0.0.1:{server.port}",
             "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
             f"Sec-WebSocket-Protocol: {SUBPROTOCOL}", "", ""]  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    await reader.readuntil(b"\r\n\r\n")
    try:
        writer.write(struct.pack("!BBQ4s", 0x81, 0x80 | 127, GIB, b"\0\0\0\0") + bytes(4 * 2**20))
        await writer.drain()
        return await reader.read()  # to its end: the server closes
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def flood(server: WebServer, make: Make, count: int) -> int:
    """So much rubbish over as many connections as it takes; how many of them were closed."""
    closed = sent = 0
    while sent < count:
        peer = await make(server, "mallory")
        try:
            for number in range(100):
                await peer.send_frame(RUBBISH[number % len(RUBBISH)])
                sent += 1
            await peer.hear_close(within_s=60)
        except ConnectionError:
            pass  # closed while it spoke
        closed += 1
        peer.heard.clear()
    return closed


async def still_answered(peer: NetPeer) -> None:
    await peer.say(Ping(sent_ms=7))
    assert (await peer.hear(Pong, within_s=60)).sent_ms == 7


async def test_a_flood_of_rubbish_costs_its_sender_the_connection_and_nobody_else(
    lasting_cast: Cast, servers: Start, peers: Make
) -> None:
    server = servers()
    bob = await peers(server, "bob")
    await still_answered(bob)
    before = memory_mib(server)
    flooding = asyncio.create_task(flood(server, peers, SENT))
    while not flooding.done():
        await still_answered(bob)
    assert await flooding >= SENT // 100
    for _ in range(3):
        await announce_a_gibibyte(server)
    await still_answered(bob)
    print(f"{SENT} frames: {before:.0f} MiB before, at most {memory_mib(server):.0f} MiB")
    assert memory_mib(server) <= before + MEMORY_MORE_MIB


async def waits_ms(peer: NetPeer, count: int) -> list[float]:
    """How long somebody who behaves waits for each answer, one after the other."""
    waits = []
    for number in range(count):
        began = time.perf_counter()
        await peer.say(Ping(sent_ms=number))
        await peer.hear(Pong, within_s=60)
        waits.append((time.perf_counter() - began) * 1000)
        peer.heard.clear()
        await asyncio.sleep(0.005)
    return waits


@asynccontextmanager
async def flooded(server: WebServer, access: str) -> AsyncIterator[None]:
    """While somebody else floods it from a process of their own."""
    argv = [sys.executable, "-m", "tests.room.flooder", str(server.port)]
    path = f"{ROOT}:{ROOT / 'agent' / 'src'}"
    flooder = await asyncio.create_subprocess_exec(
        *argv, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, stdin=asyncio.subprocess.PIPE
    )
    assert flooder.stdin
    flooder.stdin.write(f"{access}\n".encode())
    await flooder.stdin.drain()
    try:
        yield
        assert flooder.returncode is None
    finally:
        flooder.kill()
        await flooder.wait()


def percentile(values: list[float], part: float) -> float:
    return round(sorted(values)[int(part * len(values))], 2)


@pytest.mark.campaign
async def test_flood_wait(campaign: Campaign, lasting_cast: Cast, servers: Start, peers: Make) -> None:
    """The others' p99 is at most twice what it is without a flood."""
    server = servers()
    bob = await peers(server, "bob")
    access = await sync_to_async(lasting_cast.access)(lasting_cast.mallory)
    await waits_ms(bob, 200)
    quiet, loud = list[float](), list[float]()
    for _ in range(STRETCHES):
        quiet += await waits_ms(bob, ASKED // STRETCHES)
        async with flooded(server, access):
            await waits_ms(bob, 100)  # it has begun by then
            loud += await waits_ms(bob, ASKED // STRETCHES)
    for name, waits in (("quiet", quiet), ("flooded", loud)):
        campaign.figures |= {f"{name}_{part}_ms": percentile(waits, float(f"0.{part[1:]}")) for part in ("p50", "p99")}
    assert campaign.figures["flooded_p99_ms"] <= 2 * campaign.figures["quiet_p99_ms"]
