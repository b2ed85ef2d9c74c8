"""`python -m tests.room.flooder PORT < ACCESS`: rubbish into the room, connection after connection, until it is ended.

A process of its own, so that whoever measures the others' wait does not wait for the flooder too.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
from ucam_protocol import SUBPROTOCOL, Hello, encode

RUBBISH = [
    "nonsense",
    "[" * 30_000,
    '{"type":"chat","text":' + '{"a":' * 5000,
    '{"type":"ping","x":"' + "a" * 60_000 + '"}',
]


async def flood(port: int, access: str) -> None:
    """As fast as the server takes it."""
    origin = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession(headers={"Origin": origin}) as http:
        while True:
            try:
                async with http.ws_connect(f"{origin}/ws/room", protocols=[SUBPROTOCOL]) as line:
                    await line.send_str(encode(Hello(version=1, token=access)))
                    while not line.closed:
                        for frame in RUBBISH:
                            await line.send_str(frame)
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(0)  # closed while it spoke


if __name__ == "__main__":
    asyncio.run(flood(int(sys.argv[1]), sys.stdin.readline().strip()))
