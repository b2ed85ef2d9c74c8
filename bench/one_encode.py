"""Encoders with 0, 1 and 8 viewers, counted where GStreamer makes them; frames lost; what the recorder costs."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

from ucam_agent.gst import Gst

from bench.harness import Row, report, rounds
from bench.measure.contestants import PICTURE, Ucam, scratch
from bench.measure.receivers import audience, people
from tests.agent.recording import stamps
from tests.e2e.stack import Stack

LEVELS = (0, 1, 8)
WINDOW_S = 8.0
MADE = re.compile(r'creating element "(\w+)"')


async def window(ucam: Ucam) -> float:
    """CPU-seconds per minute of the recorder, over one window."""
    before, started = ucam.cpu_s()["recorder"], time.monotonic()
    await asyncio.sleep(WINDOW_S)
    return (ucam.cpu_s()["recorder"] - before) / (time.monotonic() - started) * 60


class Counted:
    """Encoder elements made by all of the camera's processes since it started, from GStreamer's own log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        Gst.init(None)
        # By GStreamer's own classes: dtlsenc and srtpenc, which every viewer has, are no encoders of pictures.
        kinds = Gst.ELEMENT_FACTORY_TYPE_ENCODER | Gst.ELEMENT_FACTORY_TYPE_MEDIA_VIDEO
        found = Gst.ElementFactory.list_get_elements(kinds, Gst.Rank.NONE)
        self._video_encoders = {factory.get_name() for factory in found}
        if "x264enc" not in self._video_encoders:
            raise RuntimeError("x264enc is not among GStreamer's video encoders: nothing would be counted")
        self.env = {
            "GST_DEBUG": "GST_ELEMENT_FACTORY:4",
            "GST_DEBUG_NO_COLOR": "1",
            "GST_DEBUG_FILE": str(folder / "gst-%p.log"),
        }

    def encoders(self) -> int:
        made = [name for file in self._folder.glob("gst-*.log") for name in MADE.findall(file.read_text())]
        return sum(name in self._video_encoders for name in made)

    def forget(self) -> None:
        for file in self._folder.glob("gst-*.log"):
            file.unlink()


async def one_round(ucam: Ucam, tokens: list[str], counted: Counted) -> tuple[dict[int, float], dict[int, int]]:
    """CPU-seconds per minute of the recorder, and encoders made so far, at each level."""
    cost, encoders = {}, {}
    async with audience(ucam, tokens) as viewers:
        watching = 0
        for level in LEVELS:
            while watching < level:
                await viewers.join()
                watching += 1
            cost[level], encoders[level] = await window(ucam), counted.encoders()
    return cost, encoders


def lost_frames(chunks: list[Path]) -> tuple[int, int, int]:
    """(frames recorded, numbers missing between the first and the last, dropped before the encoder)."""
    numbers = [number for chunk in chunks for _, number in stamps(chunk, PICTURE["width"], PICTURE["height"])]
    sidecars = [json.loads(chunk.with_suffix(".json").read_text()) for chunk in chunks]
    missing = numbers[-1] - numbers[0] + 1 - len(set(numbers))
    return len(numbers), missing, sum(sidecar.get("dropped", 0) for sidecar in sidecars)


def chunks(ucam: Ucam) -> set[Path]:
    return set(ucam.stack.agent.state.glob("spool/*/*.mp4"))


def main() -> None:
    """Each round is a fresh camera, first without viewers, then with 1, then with 8."""
    cost: dict[int, list[float]] = {level: [] for level in LEVELS}
    encoders: dict[int, list[float]] = {level: [] for level in LEVELS}
    counts: dict[str, list[float]] = {"recorded": [], "lost": [], "dropped": []}
    count = rounds(3, 1)
    with scratch() as folder:
        counted = Counted(folder)
        with Stack(folder, settings=PICTURE, env=counted.env) as stack:
            ucam = Ucam(stack)
            ucam.stop()
            tokens = people(ucam, 2)
            for number in range(count):
                counted.forget()
                before = chunks(ucam)
                ucam.start()
                found, made = asyncio.run(one_round(ucam, tokens, counted))
                ucam.stop()
                for name, value in zip(counts, lost_frames(sorted(chunks(ucam) - before)), strict=True):
                    counts[name].append(value)
                for level in LEVELS:
                    cost[level].append(found[level])
                    encoders[level].append(made[level])
                print(f"  round {number + 1} of {count}: encoders {made}, recorder CPU-s/min {found}", flush=True)
    report("one_encode", [
        *(Row(f"encoders, {level} viewers", "", {"ucam": encoders[level]}, "exactly 1", at_most={"max": 1})
          for level in LEVELS),
        Row("recorded frames lost", "", {"ucam": counts["lost"]}, "0", at_most={"max": 0},
            note=f"of {sum(counts['recorded']):.0f}"),
        Row("frames dropped before the encoder for want of CPU", "", {"ucam": counts["dropped"]}),
        Row("recorder with 8 viewers", "CPU-s/min", {"ucam": cost[8], "ucam without viewers": cost[0]}),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
