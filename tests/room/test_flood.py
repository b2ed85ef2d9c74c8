"""Whoever floods a real server with rubbish is closed; its memory holds, and the others are still answered."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import secrets
import struct
from pathlib import Path

from ucam_protocol import SUBPROTOCOL, Ping, Pong

from tests.conftest import Cast
from tests.room.servers import NetPeer, WebServer
from tests.room.test_processes import Make, Start, peers, servers

__all__ = ["peers", "servers"]

RUBBISH = [
    "nonsense",
    "[" * 30_000,
    '{"type":"chat","text":' + '{"a":' * 5000,
    '{"type":"ping","x":"' + "a" * 60_000 + '"}',
]
SENT = int(os.environ.get("CAMPAIGN_ROUNDS", 1500))
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
