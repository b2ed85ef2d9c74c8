"""What is said in the room: how long until the speaker hears it back, and whether everybody heard all of it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import aiohttp
from ucam_protocol import VERSION, Chat, Hello, encode

from bench.harness import UCAM, Row, Samples, alternate, percentile, report, rounds
from bench.measure.contestants import scratch
from bench.measure.crowd import MARK, enter, ping
from bench.room_storm import MAKE
from tests.e2e.stack import ROOT, Process, Stack, free_port, until

PEER = "bare aiohttp room"
LEVELS = {2: (2, 1.9, 25.0), 50: (10, 1.0, 10.0), 200: (10, 1.0, 50.0)}  # peers: speakers, messages/s of each, seconds
SETTLE_S, LATE_S = 3.0, 2.0
GOAL_MS = 15.0
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'agent' / 'src'}"}


class Speaker:
    """Says something now and then, and notes how long it took to hear it."""

    def __init__(self, name: str, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.name, self.socket = name, socket
        self.said: dict[int, float] = {}
        self.waits_ms: list[float] = []
        self.heard = 0

    async def speak(self, after_s: float, every_s: float, until_s: float) -> None:
        number = 0
        await asyncio.sleep(after_s)
        while time.monotonic() < until_s:
            self.said[number] = time.perf_counter()
            await self.socket.send_str(encode(Chat(text=f"bench {self.name} {number}")))
            number += 1
            await asyncio.sleep(every_s)

    async def listen(self) -> None:
        async for frame in self.socket:
            now_s, data = time.perf_counter(), frame.data.replace('": "', '":"')
            if MARK not in data:
                continue
            self.heard += 1
            name, number = json.loads(data)["text"].split()[1:]
            if name == self.name:
                self.waits_ms.append((now_s - self.said[int(number)]) * 1000)


@asynccontextmanager
async def crowded(url: str, hellos: list[str]) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """While so many others listen; the call ends that, with how many messages they heard together."""
    argv, pipe = [sys.executable, "-m", "bench.measure.crowd", url], asyncio.subprocess.PIPE
    crowd = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, env=ENVIRONMENT, stdin=pipe, stdout=pipe)
    assert crowd.stdin
    assert crowd.stdout
    read, write = crowd.stdout, crowd.stdin
    write.write("".join(f"{hello}\n" for hello in [*hellos, ""]).encode())
    if await read.readline() != b"in\n":
        raise RuntimeError("The crowd could not enter the room; what it said is above.")

    async def heard() -> int:
        write.write(b"\n")
        return int(await read.readline())

    yield heard
    await crowd.wait()


async def talk(url: str, hellos: list[str], level: int, waits_ms: list[float]) -> tuple[int, int]:
    """One stretch; (messages said, deliveries missing)."""
    speakers, rate, seconds = LEVELS[level]
    async with crowded(url, hellos[speakers:level]) as heard_by_crowd, aiohttp.ClientSession() as http:
        found = [Speaker(str(number), await enter(http, url, hellos[number])) for number in range(speakers)]
        tasks = [asyncio.create_task(one.listen()) for one in found]
        tasks.append(asyncio.create_task(ping([one.socket for one in found])))
        await asyncio.sleep(SETTLE_S)  # who came is told to all
        end_s = time.monotonic() + seconds
        await asyncio.gather(*(one.speak(n / rate / speakers, 1 / rate, end_s) for n, one in enumerate(found)))
        await asyncio.sleep(LATE_S)
        said, heard = sum(len(one.said) for one in found), sum(one.heard for one in found) + await heard_by_crowd()
        for task in tasks:
            task.cancel()
    for one in found:
        waits_ms += one.waits_ms
    return said, said * level - heard


@contextmanager
def bare(folder: Path) -> Iterator[str]:
    """The peer's address."""
    port = free_port()
    process = Process([sys.executable, "-m", "bench.peers.bare_room", str(port)], ENVIRONMENT, folder / "bare_room")
    try:
        until(lambda: _answers(port), "the bare room", 10, process.complaint)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()


def _answers(port: int) -> bool:
    async def ask() -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.ws_connect(f"http://127.0.0.1:{port}/ws/room"):
                return True
        except aiohttp.ClientError:
            return False

    return asyncio.run(ask())


class Contestant:
    """A room, the ways into it, and what came of each stretch."""

    def __init__(self, url: str, hellos: list[str]) -> None:
        self.url, self.hellos = url, hellos
        self.waits_ms: dict[int, list[float]] = {level: [] for level in LEVELS}
        self.deliveries, self.lost = dict.fromkeys(LEVELS, 0), dict.fromkeys(LEVELS, 0)

    def stretch(self, level: int) -> float:
        """The p99 of one, in ms."""
        waits_ms: list[float] = []
        said, lost = asyncio.run(talk(self.url, self.hellos, level, waits_ms))
        self.waits_ms[level] += waits_ms
        self.deliveries[level] += said * level
        self.lost[level] += lost
        return percentile(waits_ms, 99)


def main() -> None:
    count = rounds(3, 1)
    speed: dict[int, Samples] = {}
    with scratch() as folder, Stack(folder, with_camera=False) as stack, bare(folder) as address:
        said = stack.manage("shell", "-v", "0", "-c", f"{MAKE}\nmake(0, {max(LEVELS)}, 1)")
        tokens = [token for token, _ in json.loads(said.splitlines()[-1])["person"]]
        hellos = [encode(Hello(version=VERSION, token=token, capabilities=["view"])) for token in tokens]
        both = {UCAM: Contestant(stack.url, hellos), PEER: Contestant(address, hellos)}
        for level in LEVELS:
            print(f"{level} people", flush=True)
            speed[level] = alternate(count, {name: partial(one.stretch, level) for name, one in both.items()})
    rows = [_row(level, speed[level], both) for level in LEVELS]
    report("room", rows)


def _row(level: int, p99_ms: Samples, both: dict[str, Contestant]) -> Row:
    speakers, rate, _ = LEVELS[level]
    details = {
        name: {
            "messages": len(one.waits_ms[level]), "p50_ms": round(percentile(one.waits_ms[level], 50), 2),
            "p99_ms": round(percentile(one.waits_ms[level], 99), 2), "deliveries": one.deliveries[level],
            "lost": one.lost[level],
        }
        for name, one in both.items()
    }  # fmt: skip
    print(level, details, flush=True)
    most = GOAL_MS if not both[UCAM].lost[level] else -1.0  # a message that is lost misses the goal
    note = f"{speakers} of them speak, {speakers * rate:.0f} messages a second in all"
    name, goal = f"a message heard back, p99 of a round, {level} people", f"<= {GOAL_MS:.0f} ms, 0 lost"
    return Row(name, "ms", p99_ms, goal, note, details, {"median": most})


if __name__ == "__main__":
    main()
