"""Storage was away while somebody watches: what waited is shipped fast, and the live picture is not later for it."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise

import aiohttp
import pytest
from ucam_agent.stamp import Layout, read_stamp
from ucam_protocol import SUBPROTOCOL, VERSION, Call, Hello, Ping, decode_from_server, encode

from bench.measure.receivers import PING_EVERY_S, Line
from tests.agent.viewer import Gst, Viewer
from tests.faults.campaign import Campaign
from tests.faults.product import SETTINGS, Name, Product
from tests.faults.weather import CLEAR

AWAY_S, BEFORE_S, STEADY_S = 120, 60, 15
RATE_MIN, LATER_MAX = 5.0, 1.2
FRAMES_MIN = 20
WIDTH, HEIGHT = 1280, 720
LARGE = {**SETTINGS, "width": WIDTH, "height": HEIGHT, "fps": 30, "bitrate_kbit": 2000, "keyframe_ms": 2000}
LAYOUT = Layout.of(WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """With the picture of the benchmarks."""
    running = Product(tmp_path_factory.mktemp("large"), LARGE)
    with running:
        yield running


class Watcher(Viewer):
    """Decodes what it gets: how old each picture is when it could be shown, in ms, by the stamp in it."""

    ages_ms: list[float]

    def _on_pad(self, _webrtc: Gst.Element, pad: Gst.Pad) -> None:
        self.ages_ms = []
        names = ("rtph264depay", "avdec_h264", "videoconvert", "capsfilter", "appsink")
        line = [Gst.ElementFactory.make(name) for name in names]
        line[3].set_property("caps", Gst.Caps.from_string("video/x-raw,format=GRAY8"))
        for name, value in (("sync", False), ("async", False), ("emit-signals", True)):
            line[-1].set_property(name, value)
        line[-1].connect("new-sample", self._on_picture)
        for element in line:
            self._pipeline.add(element)
        for one, other in pairwise(line):
            one.link(other)
        for element in reversed(line):
            element.sync_state_with_parent()
        pad.link(line[0].get_static_pad("sink"))

    def _on_picture(self, sink: Gst.Element) -> Gst.FlowReturn:
        buffer = sink.emit("pull-sample").get_buffer()
        luma = buffer.extract_dup(0, 2 * LAYOUT.block * LAYOUT.stride)
        self.ages_ms.append(time.time_ns() / 1e6 - read_stamp(luma, LAYOUT.stride, LAYOUT.block)[0])
        self.frames += 1
        return Gst.FlowReturn.OK


@asynccontextmanager
async def watched(product: Product) -> AsyncIterator[Watcher]:
    """Somebody watches, by WebRTC over the real room."""
    headers, access = {"Origin": product.url}, product.access()
    async with (
        aiohttp.ClientSession(product.url) as http,
        http.ws_connect("/ws/room", protocols=[SUBPROTOCOL], headers=headers) as socket,
    ):
        await socket.send_str(encode(Hello(version=VERSION, token=access, capabilities=["view"])))
        decode_from_server(await socket.receive_str(timeout=10))
        line, session = Line(socket), str(uuid.uuid4())
        viewer = Watcher(session, line.send)
        viewer._webrtc.set_property("latency", 0)  # what comes is shown at once, in both halves of the comparison
        line.viewers[session] = viewer
        pinging = asyncio.create_task(_ping(line))
        line.send(Call(session=session, to=product.camera_jid))
        try:
            await _until_frames(viewer, 5)
            yield viewer
        finally:
            pinging.cancel()
            await line.close()


async def _ping(line: Line) -> None:
    while True:
        line.send(Ping(sent_ms=time.time_ns() // 1_000_000))
        await asyncio.sleep(PING_EVERY_S)


async def _until_frames(viewer: Watcher, count: int) -> None:
    async with asyncio.timeout(60):
        while viewer.frames < count:
            assert not viewer.hung_up, viewer.hung_up
            await asyncio.sleep(0.05)


async def ages(viewer: Watcher, work: object, seconds: float) -> list[float]:
    """Those of the pictures that come while something is done, and for so long at least."""
    first, begun_s = len(viewer.ages_ms), time.monotonic()
    if asyncio.iscoroutine(work):
        await work
    await asyncio.sleep(max(0.0, begun_s + seconds - time.monotonic()))
    await _until_frames(viewer, viewer.frames + 1)
    return viewer.ages_ms[first:]


def judge(before_ms: list[float], during_ms: list[float]) -> float:
    """How many times later the pictures are, by the medians."""
    assert min(len(before_ms), len(during_ms)) >= FRAMES_MIN, "too few pictures to judge"
    later = statistics.median(during_ms) / statistics.median(before_ms)
    assert later <= LATER_MAX, f"{later:.2f} times later"
    return later


@pytest.mark.campaign
async def test_live_under_backlog(campaign: Campaign, product: Product) -> None:
    product.until_recorded(1)
    async with watched(product) as viewer:
        await ages(viewer, None, STEADY_S)
        before_ms = await ages(viewer, None, BEFORE_S)
        product.weather.set("refused")
        away_ms = await ages(viewer, None, AWAY_S)
        durable, back_s = product.durable(), time.monotonic()
        product.weather.set(CLEAR)
        drained: list[float] = []

        async def drain() -> None:
            await _until_stored(product, {name: len(content) for name, content in durable.items()})
            drained.append(time.monotonic() - back_s)

        during_ms = await ages(viewer, drain(), FRAMES_MIN / 5)
        rate = AWAY_S / drained[0]
        medians = {"before": before_ms, "away": away_ms, "draining": during_ms}
        campaign.figures |= {
            "rate": round(rate, 1),
            "drained_s": round(drained[0], 1),
            "age_ms": {name: round(statistics.median(values), 1) for name, values in medians.items()},
            "pictures": {name: len(values) for name, values in medians.items()},
            "load_at_end": os.getloadavg()[0],
        }
        assert rate >= RATE_MIN
        campaign.figures["times_later"] = round(judge(before_ms, during_ms), 2)
    product.until_drained(durable)
    product.manage("check_storage")


async def _until_stored(product: Product, sizes: dict[Name, int]) -> None:
    """Seldom and by sizes only: whoever looks all the time takes the processor from those who are looked at."""

    def stored() -> bool:
        there = {name: path.stat().st_size for name, path in product.stored().items()}
        return all(there.get(name, 0) >= size for name, size in sizes.items())

    async with asyncio.timeout(AWAY_S):
        while not stored():  # noqa: ASYNC110 - files of another process are awaited
            await asyncio.sleep(0.5)


@pytest.mark.campaign
async def test_pictures_that_are_late_are_noticed(product: Product) -> None:
    """The live process is held up again and again."""
    product.until_recorded(1)

    async def hold_up() -> None:
        live = product.agent.pids["live"]
        for _ in range(12):
            os.kill(live, signal.SIGSTOP)
            await asyncio.sleep(0.4)
            os.kill(live, signal.SIGCONT)
            await asyncio.sleep(0.05)

    async with watched(product) as viewer:
        await ages(viewer, None, STEADY_S)
        before_ms = await ages(viewer, None, STEADY_S)
        during_ms = await ages(viewer, hold_up(), 0)
        with pytest.raises(AssertionError, match="times later"):
            judge(before_ms, during_ms)
