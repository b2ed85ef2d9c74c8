"""All processes of a camera over an hour, recording 720p30 with one viewer: how much memory, and whether it grows."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from ucam_agent.encoders import X264
from ucam_protocol import Settings

from bench.harness import Row, report, rounds
from bench.measure.contestants import PICTURE, Ucam, scratch
from bench.measure.memory import alone_kib, pss_kib
from bench.measure.receivers import audience, people
from tests.agent.viewer import Viewer
from tests.e2e.stack import Process, Stack

SETTINGS = {**PICTURE, "source": {"kind": "test"}, "chunk_s": 60}  # no decoder: a camera has none
EVERY_S = 15.0
SETTLE_S = 60.0
GROWTH_MIB_MAX = 2.0
X264_ROUNDS, X264_WARM_S = 3, 8.0
MIB = 1024
Samples = dict[str, list[float]]


def x264_mib(folder: Path) -> float:
    """What a process has more when its pictures are encoded, by the settings of the camera."""
    settings = Settings(width=SETTINGS["width"], height=SETTINGS["height"], fps=SETTINGS["fps"])
    words = [f"{name}={str(value).lower()}" for name, value in X264.properties(settings).items()]
    taken = {True: 0.0, False: 0.0}
    for encoded in taken:
        encoder = ["!", "x264enc", *words, "!", X264.caps] if encoded else []
        caps = f"video/x-raw,format=I420,width={settings.width},height={settings.height},framerate={settings.fps}/1"
        argv = ["gst-launch-1.0", "-q", "videotestsrc", "is-live=true", "pattern=ball", "!", caps, *encoder]
        process = Process([*argv, "!", "fakesink"], os.environ, folder / "gst-launch.log")
        time.sleep(X264_WARM_S)  # the reference pictures are there after a keyframe distance or two
        taken[encoded] = alone_kib([process.pid]) / MIB
        if complaint := process.complaint():
            raise RuntimeError(complaint)
        process.stop()
    return taken[True] - taken[False]


async def stays(ucam: Ucam, person: Callable[[], str], left: list[int]) -> None:
    """One viewer; should it lose its picture, the next one comes, and `left` counts."""
    while True:
        with contextlib.suppress(RuntimeError, ConnectionError):
            async with audience(ucam, [person()]) as viewers:
                await _while_it_moves(await viewers.join())
        left[0] += 1


async def _while_it_moves(viewer: Viewer) -> None:
    before = -1
    while viewer.frames > before and not viewer.hung_up:
        before = viewer.frames
        await asyncio.sleep(EVERY_S)


async def over(ucam: Ucam, seconds: float, samples: Samples) -> None:
    """Samples, every 15 s, of each process and of all."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pids = ucam.stack.agent.pids
        for name, pid in pids.items():
            samples.setdefault(name, []).append(pss_kib(pid) / MIB)
        samples.setdefault("all", []).append(sum(pss_kib(pid) for pid in pids.values()) / MIB)
        samples.setdefault("alone", []).append(alone_kib(pids.values()) / MIB)
        await asyncio.sleep(EVERY_S)


async def hour(ucam: Ucam, token: str, minutes: int) -> tuple[Samples, int]:
    """After a minute to settle; and how often the viewer had to come again."""
    left, samples = [0], Samples()
    tokens = [token]
    viewer = asyncio.create_task(stays(ucam, lambda: tokens.pop() if tokens else _again(ucam), left))
    await asyncio.sleep(SETTLE_S)
    await over(ucam, minutes * 60, samples)
    viewer.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await viewer
    return samples, left[0]


def _again(ucam: Ucam) -> str:
    return ucam.stack.access_token("viewer0@example.com")


def growth(values: list[float]) -> float:
    """MiB from the second quarter to the last, by their medians: the first one warms up."""
    quarter = max(1, len(values) // 4)
    return statistics.median(values[-quarter:]) - statistics.median(values[quarter : 2 * quarter])


def main() -> None:
    """A round is a minute."""
    minutes = rounds(60, 2)
    with scratch() as folder:
        x264 = [x264_mib(folder) for _ in range(X264_ROUNDS)]
        with Stack(folder, settings=SETTINGS) as stack:
            ucam = Ucam(stack)
            pids = stack.agent.pids
            samples, left = asyncio.run(hour(ucam, people(ucam, 1)[0], minutes))
            same = stack.agent.pids == pids
    share = statistics.median(x264)
    parts = {name: values for name, values in samples.items() if name not in ("all", "alone")}
    report("agent_memory", [
        Row("all processes, without x264's share", "MiB", {"ucam": [value - share for value in samples["alone"]]},
            "<= 130 MiB", "as if alone on the machine", at_most={"max": 130},
            details={"processes_stayed_the_same": same, "viewer_came_again": left, "minutes": minutes}),
        Row("all processes, x264 included", "MiB", {"ucam": samples["alone"]}, note="as if alone on the machine"),
        Row("all processes, PSS", "MiB", {"ucam": samples["all"]}, note="the test's own processes share pages with it"),
        Row("x264's share", "MiB", {"ucam": x264}, note="gst-launch with and without the encoder"),
        *(Row(f"{name}, PSS", "MiB", {"ucam": values}) for name, values in parts.items()),
        *(Row(f"growth, {name}", "MiB", {"ucam": [growth(values)]}, f"<= {GROWTH_MIB_MAX:.0f}",
              "second quarter to last", at_most={"max": GROWTH_MIB_MAX})
          for name, values in (("all", samples["alone"]), *parts.items())),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
