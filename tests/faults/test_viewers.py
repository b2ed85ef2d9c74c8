"""Viewers join, leave, vanish and stall: no recorded frame is lost, and nothing of them stays behind."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from ucam_protocol import Offline, Status

from bench.measure.memory import alone_kib
from tests.agent.conftest import MakeRecorder
from tests.agent.recording import RecorderProcess, fragments_of, numbers
from tests.agent.server import Server
from tests.agent.watching import LiveProcess, descriptors, enrolled, threads, watching
from tests.faults.campaign import Campaign, forms

AT_ONCE = 5
WAYS = ("leave", "leave at once", "vanish", "stall")
DESCRIPTORS_MORE, THREADS_MORE = 2, 4
MEMORY_MORE_MIB, MEMORY_EVERY, MEMORY_FROM = 5.0, 50, 100  # after so many its pools have their size


class Watched:
    """A recorder and a live process in the room of a server."""

    def __init__(self, server: Server, recorder: RecorderProcess) -> None:
        self.server, self.recorder = server, recorder
        enrolled(recorder.state, server)
        recorder.start()
        self.live = LiveProcess(recorder.state)

    async def visit(self, number: int, way: str) -> None:
        """One viewer from the call to its end, whatever that is."""
        who = f"v{number}@example.com/x"
        async with watching(self.server, who, goodbye=not way.startswith("v")) as viewer:
            if way != "leave at once":
                await self.server.until(lambda: viewer.frames >= 2 or viewer.hung_up, 30)
            if way in ("vanish", "stall"):
                viewer.vanish()
        if way == "vanish":  # the room notices before the media does
            await self.server.say(Offline(jid=who))

    async def burden(self) -> tuple[int, int]:
        """Descriptors and threads of the live process, once nobody watches and they do not shrink any more."""
        await self.server.until(lambda: self.server.all(Status)[-1].viewers == 0, 30)
        lowest = descriptors(self.live.pid), threads(self.live.pid)
        for _ in range(20):
            await asyncio.sleep(0.05)
            lowest = min(lowest[0], descriptors(self.live.pid)), min(lowest[1], threads(self.live.pid))
        return lowest

    async def memory_mib(self) -> float:
        """Of the live process, while nobody watches."""
        await self.burden()
        return round(alone_kib([self.live.pid]) / 1024, 1)


@pytest.fixture
async def watched(make_recorder: MakeRecorder) -> AsyncIterator[Watched]:
    async with Server() as server:
        camera = Watched(server, make_recorder(chunk_s=600))
        try:
            await server.until(lambda: server.cameras and any(one.recording for one in server.all(Status)), 30)
            yield camera
        finally:
            camera.live.end(signal.SIGKILL)


def judge(recorder: RecorderProcess) -> int:
    """Frames without a hole but those that were counted as dropped before the encoder; how many there are."""
    seen = numbers(recorder.chunks())
    frames = sum(one.frames for path in recorder.chunks() for one in fragments_of(path))
    missing = sum(two - one - 1 for one, two in pairwise(seen))
    dropped = sum(sidecar["dropped"] for sidecar in recorder.sidecars())
    assert len(seen) == frames
    assert missing <= dropped, f"{missing} frames are missing, {dropped} were told"
    return len(seen)


@forms("viewers", 15, 1000)
async def test_viewers(campaign: Campaign, watched: Watched, viewers: int) -> None:
    counts: Counter[str] = Counter()
    await asyncio.gather(*(watched.visit(-number, "leave") for number in range(1, AT_ONCE + 1)))
    before = await watched.burden()
    pid, memory_mib = watched.recorder.pid, [await watched.memory_mib()]
    for first in range(0, viewers, AT_ONCE):
        chance = campaign.round(first)
        ways = [chance.choice(WAYS) for _ in range(AT_ONCE)]
        counts.update(ways)
        await asyncio.gather(*(watched.visit(first + number, way) for number, way in enumerate(ways)))
        if (first + AT_ONCE) % MEMORY_EVERY == 0:
            memory_mib.append(await watched.memory_mib())
    after = await watched.burden()
    print(f"descriptors and threads: {before}, then {after}")
    campaign.figures |= {"viewers": viewers, "ways": dict(counts), "before": before, "after": after}
    campaign.figures["live_process_mib"] = memory_mib
    assert max(memory_mib) <= memory_mib[: MEMORY_FROM // MEMORY_EVERY + 1][-1] + MEMORY_MORE_MIB
    assert after[0] <= before[0] + DESCRIPTORS_MORE
    assert after[1] <= before[1] + THREADS_MORE
    assert watched.recorder.exit_code is None
    assert watched.recorder.pid == pid
    watched.recorder.end()
    assert watched.recorder.gaps() == []
    campaign.figures["frames_recorded"] = judge(watched.recorder)


def test_a_frame_that_is_missing_is_noticed(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    listener = recorder.connect()
    for _ in range(3):
        listener.event("fragment")
    recorder.end()
    judge(recorder)
    (path,) = recorder.chunks()
    gone = fragments_of(path)[1]
    content = path.read_bytes()
    path.write_bytes(content[: gone.offset] + content[gone.offset + gone.size :])
    with pytest.raises(AssertionError, match="frames are missing"):
        judge(recorder)
