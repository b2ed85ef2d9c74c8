"""The small stream: it is encoded while somebody asks for it and not a moment longer, at nobody's cost."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from ucam_agent.frames import Stream
from ucam_agent.gst_glib import glib
from ucam_agent.gst_small import Small
from ucam_protocol import Offer

from .conftest import MakeRecorder
from .recording import RecorderProcess, stamps
from .server import SETTINGS, Server
from .watching import LiveProcess, enrolled, watching

LARGE = msgspec.structs.replace(SETTINGS, width=1280, height=720, fps=10, bitrate_kbit=800)


CONSENT_S = 40  # without a word an ICE peer may be sent to for 30 s (RFC 7675); libnice of Debian 13 takes 28


def encoders(pid: int) -> int:
    """Threads of a process that stand back behind all others: only those of the small stream do."""
    return sum(nice(int(task), pid) > 5 for task in os.listdir(f"/proc/{pid}/task"))


def nice(task: int, pid: int) -> int:
    """How far a thread stands back; one that has just ended does not."""
    try:
        return int(Path(f"/proc/{pid}/task/{task}/stat").read_text().rpartition(")")[2].split()[16])
    except (FileNotFoundError, ProcessLookupError):
        return 0


@pytest.fixture
async def camera(make_recorder: MakeRecorder) -> AsyncIterator[tuple[Server, RecorderProcess, LiveProcess]]:
    async with Server() as server:
        server.settings = LARGE
        recorder = make_recorder(source={"kind": "test", "stamp": True})
        enrolled(recorder.state, server)
        stamped = {**msgspec.to_builtins(LARGE), "source": {"kind": "test", "stamp": True}}
        server.settings = msgspec.convert(stamped, type(LARGE))
        (recorder.state / "settings.json").write_text(json.dumps(stamped))
        recorder.start()
        live = LiveProcess(recorder.state)
        try:
            await server.until(lambda: server.cameras and any(recorder.chunks()), 30)
            yield server, recorder, live
        finally:
            assert live.end() == 0, live.end(signal.SIGKILL)
        assert "Traceback" not in live.log.read_text()


async def test_a_small_stream_lives_as_long_as_its_viewers(
    camera: tuple[Server, RecorderProcess, LiveProcess],
) -> None:
    server, recorder, live = camera
    async with watching(server) as large:
        await server.until(lambda: large.frames >= 3, 30)
        assert encoders(live.pid) == 0
        async with watching(server, "ann@example.com/x", stream="sub") as small:
            await server.until(lambda: small.frames >= 5, 30)
            assert small.keyframes_first
            assert encoders(live.pid) > 0
            assert [offer.stream for offer in server.all(Offer)] == ["main", "sub"]
        await server.until(lambda: encoders(live.pid) == 0, 15)
        seen = large.frames
        await server.until(lambda: large.frames > seen, 10)
    assert await asyncio.to_thread(recorder.end) == 0
    found = numbers_of(recorder)
    assert found == list(range(found[0], found[0] + len(found)))


async def test_a_viewer_that_vanishes_takes_the_small_stream_along(
    camera: tuple[Server, RecorderProcess, LiveProcess],
) -> None:
    server, _, live = camera
    async with watching(server, goodbye=False, stream="sub") as small:
        await server.until(lambda: small.frames >= 5, 30)
        small.vanish()
        await server.until(lambda: encoders(live.pid) == 0, CONSENT_S)


async def test_a_camera_whose_picture_is_small_already_sends_it(make_recorder: MakeRecorder) -> None:
    async with Server() as server:
        recorder = make_recorder()
        enrolled(recorder.state, server)
        recorder.start()
        live = LiveProcess(recorder.state)
        try:
            await server.until(lambda: server.cameras and any(recorder.chunks()), 30)
            async with watching(server, stream="sub") as viewer:
                await server.until(lambda: viewer.frames >= 3, 30)
                assert server.all(Offer)[-1].stream == "main"
                assert encoders(live.pid) == 0
        finally:
            assert live.end() == 0, live.end(signal.SIGKILL)


def numbers_of(recorder: RecorderProcess) -> list[int]:
    """Frame numbers of everything recorded, from the pictures."""
    return [number for path in recorder.chunks() for _, number in stamps(path, 1280, 720)]


async def test_a_small_stream_that_is_closed_leaves_nothing_behind() -> None:
    caps = "video/x-h264,stream-format=byte-stream,alignment=au,width=1280,height=720,framerate=10/1"
    small = Small(Stream(caps, 1280, 720, 10), lambda frame: None, lambda: None, lambda: None)
    await glib().run(small._start)
    gone = weakref.ref(small)
    await small.close()
    await small.close()
    del small
    gc.collect()
    assert gone() is None, "its elements hold it"
