"""Everybody comes back into the room at once after the web server was killed: how long until each has its welcome."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from ucam_protocol import SUBPROTOCOL, VERSION, Hello, Ping, Status, encode

from bench.harness import Row, cpu_s, report, rounds
from bench.measure.contestants import scratch
from tests.e2e.stack import Stack, until
from tests.faults.product import process

STORMS = ((40, 160), (100, 500))  # cameras, people
PLACES = 10
GOAL_S = 30
BACK_S_MAX = 180.0
SETTLED_S = 3.0  # nobody came or went for so long
PING_EVERY_S = 10.0
ATTEMPT_S = 60.0
# First waits and longest ones of the page (static/js/room.js) and of the agent.
BACKOFF_S = {"person": (0.4, 15.0), "camera": (1.0, 30.0)}
# Rows that the commands would make, in one process.
MAKE = """
import json
from accounts.models import Session, User
from accounts.tokens import issue
from cameras.models import Camera, DeviceToken, Location, Membership, Message
from django.utils import timezone
def make(cameras, people, places):
    rows = [Location.objects.create(domain=f"place{n}.loc", name=f"Place {n}") for n in range(places)]
    made = {"camera": [], "person": []}
    for n in range(cameras):
        camera = Camera.objects.create(location=rows[n % places], local=f"cam{n:03d}", name=f"Camera {n}")
        made["camera"].append([DeviceToken.objects.issue(camera), rows[n % places].domain])
    for n in range(people):
        user = User.objects.create_user(f"person{n}@example.com", name=f"Person {n}")
        Membership.objects.create(user=user, location=rows[n % places], may_watch=True, may_replay=True)
        session, refresh = Session.objects.begin(user, "storm", timezone.now())
        made["person"].append([issue(session, refresh).access, rows[n % places].domain])
    for n in range(20 * places):
        said = {"from_jid": "person0@example.com", "text": f"Line {n}", "sent_at": timezone.now()}
        message = Message.objects.create(**said)
        message.locations.set([rows[n % places]])
    print(json.dumps(made))
"""


@dataclass
class Peer:
    """Somebody who wants to be in the room, for ever."""

    kind: str
    token: str
    place: str
    welcomed_s: float = 0.0  # when, of the connection that stands; 0: none stands
    frames: int = 0
    foreign: int = 0
    tries: int = 0
    closed: list[Any] = field(default_factory=list)

    async def stay(self, url: str, http: aiohttp.ClientSession) -> None:
        """In; and in again whenever it ends, as page and agent do."""
        first_s, most_s = BACKOFF_S[self.kind]
        while True:
            try:
                await self._visit(url, http)
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
                self.closed.append(type(error).__name__)
            if self.welcomed_s:
                self.tries, self.welcomed_s = 0, 0.0
            cap_s = min(most_s, first_s * 2**self.tries)
            self.tries += 1
            await asyncio.sleep(cap_s * random.uniform(0.5, 1))

    async def _visit(self, url: str, http: aiohttp.ClientSession) -> None:
        token = self.token if self.kind == "person" else ""
        headers = {"Origin": url} if token else {"Authorization": f"Bearer {self.token}"}
        async with http.ws_connect(
            f"{url}/ws/room", protocols=[SUBPROTOCOL], headers=headers, max_msg_size=0
        ) as socket:
            await socket.send_str(encode(Hello(version=VERSION, token=token, capabilities=["view"])))
            pinging = asyncio.create_task(_ping(socket))
            try:
                async for frame in socket:
                    if frame.type is aiohttp.WSMsgType.TEXT:
                        await self._take(socket, frame.data)
            finally:
                pinging.cancel()
                self.closed.append(socket.close_code)

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, frame: str) -> None:
        self.frames += 1
        if frame.startswith('{"type":"welcome"'):
            self.welcomed_s = time.monotonic()
            if self.kind == "camera":
                await socket.send_str(encode(Status(recording=True)))
        if frame.startswith(('{"type":"welcome"', '{"type":"online"')):
            self.foreign += sum(f"@{other}" in frame for other in OTHERS[self.place])


OTHERS = {f"place{n}.loc": [f"place{m}.loc" for m in range(PLACES) if m != n] for n in range(PLACES)}


async def _ping(socket: aiohttp.ClientWebSocketResponse) -> None:
    while True:
        await asyncio.sleep(PING_EVERY_S)
        await socket.send_str(encode(Ping(sent_ms=0)))


async def _until(true: Callable[[], object], seconds: float, what: str) -> None:
    end_s = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end_s:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(0.05)


async def _settled(peers: list[Peer]) -> None:
    """No more frames for a while."""
    before, since_s = -1, time.monotonic()
    while time.monotonic() - since_s < SETTLED_S:
        if (now := sum(peer.frames for peer in peers)) > before + len(peers):
            before, since_s = now, time.monotonic()
        await asyncio.sleep(0.1)


async def storm(stack: Stack, peers: list[Peer], count: int) -> list[list[float]]:
    """Seconds from the kill to the welcome of each, for each of so many kills."""
    found: list[list[float]] = []
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(sock_connect=ATTEMPT_S)
    ) as http:
        tasks = [asyncio.create_task(peer.stay(stack.url, http)) for peer in peers]
        try:
            for number in range(count + 1):
                await _until(lambda: all(peer.welcomed_s for peer in peers), BACK_S_MAX, "everybody is in the room")
                await _settled(peers)
                if number == count:
                    return found
                frames = sum(peer.frames for peer in peers)
                found.append(await _kill_and_wait(stack, peers))
                took = sorted(found[-1])
                print(f"  {len(peers)} peers: p50 {took[len(took) // 2]:.1f} s, all {took[-1]:.1f} s, "
                      f"{sum(peer.frames for peer in peers) - frames} frames", flush=True)  # fmt: skip
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    return found


async def _kill_and_wait(stack: Stack, peers: list[Peer]) -> list[float]:
    assert stack.server
    pid = process(stack.server.pid, "daphne")
    killed_s = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    await _until(lambda: all(peer.welcomed_s > killed_s for peer in peers), BACK_S_MAX, "everybody is back")
    return [peer.welcomed_s - killed_s for peer in peers]


def one(cameras: int, people: int, count: int) -> Row:
    """A server, its peers, and so many storms."""
    with scratch() as folder, Stack(folder, with_camera=False) as stack:
        made = json.loads(
            stack.manage("shell", "-v", "0", "-c", f"{MAKE}\nmake({cameras}, {people}, {PLACES})").splitlines()[-1]
        )
        peers = [Peer(kind, token, place) for kind, rows in made.items() for token, place in rows]
        assert stack.server
        until(lambda: process(stack.server.pid, "daphne"), "the web server runs")  # type: ignore[union-attr]
        samples = asyncio.run(storm(stack, peers, count))
        web = process(stack.server.pid, "daphne")
        details = {"foreign_frames": sum(peer.foreign for peer in peers), "last_web_cpu_s": round(cpu_s(web), 1)}
    values = [value for storm_s in samples for value in storm_s]
    name = f"{cameras} cameras and {people} people back, {PLACES} places"
    return Row(name, "s", {"ucam": values}, f"p95 <= {GOAL_S} s", "from the kill of the web server to the welcome",
               details=details | {"storms": count}, at_most={"p95": GOAL_S})  # fmt: skip


def main() -> None:
    """A round is a storm of each size."""
    count = rounds(5, 1)
    report("room_storm", [one(cameras, people, count) for cameras, people in STORMS])


if __name__ == "__main__":
    main()
