"""People in a room who say nothing and count what they hear, in a process of their own.

    python -m bench.measure.crowd URL < one hello a line, then an empty line

Says "in" when all have their welcome; at the next line it reads, how many messages of the bench all of them heard.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
from ucam_protocol import SUBPROTOCOL, Ping, encode

MARK = '"text":"bench '
PING_EVERY_S = 10.0


async def enter(http: aiohttp.ClientSession, url: str, hello: str) -> aiohttp.ClientWebSocketResponse:
    """A connection that has its welcome."""
    socket = await http.ws_connect(f"{url}/ws/room", protocols=[SUBPROTOCOL], headers={"Origin": url}, max_msg_size=0)
    await socket.send_str(hello)
    await socket.receive_str(timeout=60)
    return socket


async def ping(sockets: list[aiohttp.ClientWebSocketResponse]) -> None:
    """As a page does it, so that nobody is taken for gone."""
    while True:
        await asyncio.sleep(PING_EVERY_S)
        for socket in sockets:
            await socket.send_str(encode(Ping(sent_ms=0)))


class Listeners:
    """All of them, and the messages they heard."""

    def __init__(self) -> None:
        self.heard = 0

    async def listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            self.heard += MARK in frame.data.replace('": "', '":"')


async def main() -> None:
    url, hellos = sys.argv[1], list(iter(lambda: sys.stdin.readline().strip(), ""))
    listeners = Listeners()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        sockets = [await enter(http, url, hello) for hello in hellos]
        tasks = [asyncio.create_task(listeners.listen(socket)) for socket in sockets]
        tasks.append(asyncio.create_task(ping(sockets)))
        print("in", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(listeners.heard, flush=True)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
