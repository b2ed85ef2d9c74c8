"""The whole product with a small picture, behind a port that can be away; and what must be true of it afterwards."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from ucam_agent.chunk import Chunk, Sidecar

from tests.agent.recording import fragments_of, numbers
from tests.e2e.stack import Agent, Stack, StackFailed, until
from tests.faults.spooling import chunks_of
from tests.faults.weather import Weather

SETTINGS = {
    "source": {"kind": "test", "stamp": True}, "width": 320, "height": 240, "fps": 10, "bitrate_kbit": 300,
    "chunk_s": 10, "keyframe_ms": 500,
}  # fmt: skip
DRAINED_S = 90.0
EDGE_MS = 250
Name = tuple[str, int]


class AgentBehind(Agent):
    """Its footage and reports go through `weather`, its room directly."""

    weather: Weather

    def command(self, *words: str) -> str:
        """After enrolment the address of storage is that of `weather`."""
        said = super().command(*words)
        path = self.state / "device.json"
        device = json.loads(path.read_text())
        device["storage"] = f"http://127.0.0.1:{self.weather.port}/api/device/"
        path.write_text(json.dumps(device))
        return said


class Product(Stack):
    """Server, camera and the way between them."""

    def __init__(self, folder: Path, settings: Mapping[str, Any] = SETTINGS) -> None:
        super().__init__(folder, settings=settings)
        self.weather = Weather(self.port)
        self.agent: AgentBehind = AgentBehind(self.agent.state, self.env)
        self.agent.weather = self.weather
        self._counted: dict[Path, tuple[int, int]] = {}

    def close(self) -> None:
        """May be called twice."""
        super().close()
        self.weather.close()

    # ------------------------------------------------------------ what is where

    @property
    def spool(self) -> Path:
        return self.agent.state / "spool"

    def recorded(self) -> dict[Name, Path]:
        """Chunks on the camera."""
        return {(sidecar.boot, sidecar.seq): chunk.media for chunk, sidecar in chunks_of(self.spool)}

    def stored(self) -> dict[Name, Path]:
        """Chunks on storage; each name once."""
        return stored_in(self.data / "media")

    def durable(self) -> dict[Name, bytes]:
        """All whole fragments on the camera, by chunk: what must reach storage whatever happens now."""
        found = {}
        for name, path in self.recorded().items():
            whole = fragments_of(path)
            if whole:
                found[name] = path.read_bytes()[: whole[-1].offset + whole[-1].size]
        return found

    def newest(self) -> tuple[Chunk, Sidecar] | None:
        """The chunk that was begun last."""
        return max(chunks_of(self.spool), key=lambda one: one[1].started_mono_ns, default=None)

    def fragments(self) -> int:
        """How many there are in all. Files that have not grown are not read again."""
        for path in self.spool.glob("*/*.mp4"):
            size = path.stat().st_size
            if self._counted.get(path, (-1, 0))[0] != size:
                self._counted[path] = size, len(fragments_of(path))
        return sum(count for _, count in self._counted.values())

    def began_ms(self) -> int:
        """Its first second ever."""
        until(self.fragments, "the first fragment")
        return min(sidecar.started_ms for _, sidecar in chunks_of(self.spool))

    def until_recorded(self, count: int, seconds: float = 30) -> None:
        """Wait for so many more fragments."""
        wanted = self.fragments() + count
        until(lambda: self.fragments() >= wanted, f"{count} more fragments", seconds)

    def coverage(self, from_ms: int, to_ms: int) -> list[dict[str, Any]]:
        """Its spans."""
        span = "&".join(f"{name}={utc(ms)}" for name, ms in (("from", from_ms), ("to", to_ms)))
        answer = self.request("GET", f"/api/cameras/{self.camera_jid}/coverage/?{span}", access=self.access())
        return list(answer["spans"])

    # ------------------------------------------------------------ judgement

    def until_drained(self, durable: dict[Name, bytes], within_s: float = DRAINED_S) -> float:
        """Wait until all of this is on storage, byte by byte; how many seconds it took."""
        begun_s = time.monotonic()

        def is_there() -> bool:
            stored = self.stored()
            return all(name in stored and holds(stored[name], content) for name, content in durable.items())

        until(is_there, "everything that was recorded is stored", within_s)
        return time.monotonic() - begun_s

    def until_accounted(self, from_ms: int, to_ms: int) -> list[dict[str, Any]]:
        """Wait until each second of the range is stored or lost with a cause; the spans."""

        spans: list[dict[str, Any]] = []

        def look() -> bool:
            spans[:] = self.coverage(from_ms, to_ms)
            return settled(spans)

        try:
            until(look, "every second is accounted for", DRAINED_S)
        except StackFailed as error:
            raise AssertionError(f"{error}: {[span for span in spans if not settled([span])]}") from error
        return spans

    def prove(self) -> None:
        """Files parse and play to their last frame without a hole, and agree with their rows."""
        for path in self.stored().values():
            copy = self.folder / "copy.mp4"  # the newest one grows
            shutil.copyfile(path, copy)
            if whole := fragments_of(copy):
                os.truncate(copy, whole[-1].offset + whole[-1].size)
                assert all(one.tfdt + one.duration == two.tfdt for one, two in pairwise(whole))
                seen = numbers([copy])
                assert len(seen) == sum(one.frames for one in whole), f"{path.name} does not play to its end"
                assert seen == list(range(seen[0], seen[0] + len(seen))), f"{path.name}: {seen}"
        self.manage("check_storage")


def stored_in(media: Path) -> dict[Name, Path]:
    """Chunks in a folder of footage; each name once."""
    found: dict[Name, Path] = {}
    for path in media.rglob("*.mp4"):
        boot, _, rest = path.name.partition("-")
        name = boot, int(rest.partition("_")[0])
        assert name not in found, f"two files for chunk {name}"
        found[name] = path
    return found


def holds(path: Path, content: bytes) -> bool:
    """Whether a file begins with these bytes."""
    with open(path, "rb") as file:
        return file.read(len(content)) == content


def states(spans: list[dict[str, Any]]) -> set[str]:
    """Those that last longer than the edges of fragments."""
    return {one["state"] for one in spans if span_ms(one) > EDGE_MS}


def settled(spans: list[dict[str, Any]]) -> bool:
    """Nothing unknown, nothing that waits; the edges of fragments may lie apart by some milliseconds."""
    known = {"stored", "lost", "off"}
    return bool(spans) and all(one["state"] in known or span_ms(one) <= EDGE_MS for one in spans)


def span_ms(span: dict[str, Any]) -> float:
    """Its length."""
    return (ms_of(span["to"]) - ms_of(span["from"])) if span else 0.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def ms_of(text: str) -> float:
    """An instant of the API in milliseconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def utc(ms: int) -> str:
    """The same back."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


def process(pid: int, *words: str) -> int:
    """The direct child whose command line has all of these words."""
    for number in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        try:
            said = Path(f"/proc/{number}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if all(any(word in one for one in said) for word in words):
            return number
    return 0


def is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")
