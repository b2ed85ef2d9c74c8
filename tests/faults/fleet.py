"""Cameras of two places on one server, something of which is killed every few seconds; what must be true then."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from bench.measure.memory import alone_kib, tree
from tests.agent.recording import fragments_of
from tests.e2e.stack import Agent, Stack, StackFailed, until
from tests.faults.product import Name, holds, is_alive, ms_of, process, settled, span_ms, stored_in, utc
from tests.faults.spooling import chunks_of

SETTINGS = {
    "source": {"kind": "test"}, "width": 160, "height": 120, "fps": 5, "bitrate_kbit": 100, "chunk_s": 60,
    "keyframe_ms": 2000,
}  # fmt: skip
PLACES = ("studio.loc", "cellar.loc")
PEOPLE_A_PLACE = 10
START_S = 180.0  # all of them begin at once
# What the commands do, in one process instead of dozens.
MADE_AT_ONCE = """
import json
from accounts.sign_in import make_link
from accounts.models import User
from cameras.models import Camera, EnrolmentCode, Location, Membership
def make(jids, people, settings):
    places = {place.domain: place for place in Location.objects.all()}
    made = {"codes": {}, "links": {}}
    for jid in jids:
        local, domain = jid.split("@")
        camera = Camera(location=places[domain], local=local, **settings)
        camera.full_clean()
        camera.save()
        made["codes"][jid] = EnrolmentCode.objects.issue(camera)
    for domain, place in places.items():
        for number in range(people):
            user = User.objects.create_user(f"viewer{number}@{domain}")
            Membership.objects.create(user=user, location=place, may_watch=True, may_replay=True)
            made["links"][user.email] = make_link(user)
    print(json.dumps(made))
"""
SERVER_PARTS = {
    "web": ("daphne",), "nginx": ("nginx",), "redis": ("redis-server",), "worker": ("celery@",), "long": ("long@",),
    "beat": ("celery", "beat"),
}  # fmt: skip
CAMERA_PARTS = ("supervisor", "recorder", "live")
EXCUSED_S = 30.0  # so long after a kill somebody may be without a picture: agents wait up to 30 s between attempts
VIEWERS_NEED = ("web", "nginx", "redis")
AGAIN_S = 20.0
DRAINED_S = 300.0
LOST_AROUND_MS = (3000, 15_000)  # pictures may be missing from so long before a kill to so long after it


@dataclass(frozen=True)
class Kill:
    """What was killed, and when (monotonic seconds, UTC milliseconds)."""

    part: str
    camera: str
    at_s: float
    at_ms: int


@dataclass
class Kills:
    """All of them, for those who look for an excuse."""

    done: list[Kill] = field(default_factory=list)

    def note(self, part: str, camera: str = "") -> None:
        self.done.append(Kill(part, camera, time.monotonic(), time.time_ns() // 1_000_000))

    def excuse(self, camera: str, begun_s: float) -> bool:
        """Whether anything that a viewer of this camera needs was killed since, or shortly before."""
        needed = [one for one in self.done[-40:] if one.camera == camera or one.part in VIEWERS_NEED]
        return any(one.at_s > begun_s - EXCUSED_S for one in needed)

    def of(self, camera: str) -> list[Kill]:
        """Those that cost pictures of a camera."""
        return [one for one in self.done if one.camera == camera and one.part in ("recorder", "supervisor")]


class Fleet(Stack):
    """`cameras` by JID, half at each of two places; `links` that sign people in, by address."""

    def __init__(self, folder: Path, count: int) -> None:
        super().__init__(folder, settings=SETTINGS, with_camera=False)
        self.count, self.cameras, self.kills, self.links = count, dict[str, Agent](), Kills(), dict[str, str]()

    def __enter__(self) -> Fleet:
        super().__enter__()
        try:
            self.manage("add_location", PLACES[1], "--name", "Cellar")
            jids = [f"cam{number + 1:03d}@{PLACES[number * 2 // self.count]}" for number in range(self.count)]
            said = self.manage(
                "shell", "-v", "0", "-c", f"{MADE_AT_ONCE}\nmake({jids!r}, {PEOPLE_A_PLACE}, {SETTINGS!r})"
            )
            made = json.loads(said.splitlines()[-1])
            self.links = made["links"]
            for jid, code in made["codes"].items():
                self.cameras[jid] = self._enrolled(jid, code)
            for jid, agent in self.cameras.items():
                until(lambda one=agent: self.camera_is_online(one), f"{jid} is in the room", START_S)  # type: ignore[misc]
        except BaseException:
            self.close()
            raise
        return self

    def _enrolled(self, jid: str, code: str) -> Agent:
        agent = Agent(self.folder / jid.partition("@")[0] / "camera", self.env)
        agent.state.parent.mkdir()
        self._more_agents.append(agent)
        agent.command("enrol", self.url, code)
        agent.start()
        return agent

    # ------------------------------------------------------------ trouble

    def kill_something(self, chance: Random) -> None:
        """A part of a camera or of the server, and wait until it runs again."""
        if chance.random() < 0.5:
            self._kill_of_camera(chance.choice(sorted(self.cameras)), chance.choice(CAMERA_PARTS))
        else:
            self._kill_of_server(chance.choice(sorted(SERVER_PARTS)))

    def _kill_of_camera(self, jid: str, part: str) -> None:
        agent = self.cameras[jid]
        before = until(lambda: agent.pids if set(CAMERA_PARTS) <= set(agent.pids) else None, f"{jid} is whole", AGAIN_S)
        assert before
        self.kills.note(part, jid)
        os.kill(before[part], signal.SIGKILL)
        if part == "supervisor":  # started again, as systemd would
            agent.stop()
            until(lambda: not any(map(is_alive, before.values())), "no orphan is left", AGAIN_S)
            agent.start()
        until(lambda: agent.pids.get(part, before[part]) != before[part], f"{part} of {jid} runs again", AGAIN_S)

    def _kill_of_server(self, part: str) -> None:
        assert self.server
        supervisor, words = self.server.pid, SERVER_PARTS[part]
        before = until(lambda: process(supervisor, *words), f"{part} runs", AGAIN_S)
        self.kills.note(part)
        os.kill(before, signal.SIGKILL)
        until(lambda: process(supervisor, *words) not in (0, before), f"{part} runs again", AGAIN_S)

    # ------------------------------------------------------------ what is where

    def began_ms(self, jid: str) -> int:
        """The first second of a camera ever."""
        return min(sidecar.started_ms for _, sidecar in chunks_of(self.cameras[jid].state / "spool"))

    def durable(self) -> dict[Name, bytes]:
        """All whole fragments on all cameras, by chunk."""
        found = {}
        for agent in self.cameras.values():
            for chunk, sidecar in chunks_of(agent.state / "spool"):
                if whole := fragments_of(chunk.media):
                    end = whole[-1].offset + whole[-1].size
                    found[sidecar.boot, sidecar.seq] = chunk.media.read_bytes()[:end]
        return found

    def stored(self) -> dict[Name, Path]:
        """Chunks on storage; each name once."""
        return stored_in(self.data / "media")

    def server_mib(self) -> float:
        """Memory of all of the server's processes, as if they were alone."""
        assert self.server
        return round(alone_kib(tree(self.server.pid)) / 1024, 1)

    # ------------------------------------------------------------ judgement

    def until_drained(self) -> float:
        """Wait until all that is durable now is on storage, byte by byte; how many seconds it took."""
        begun_s, waiting = time.monotonic(), self.durable()

        def nothing_waits() -> bool:
            stored = self.stored()
            for name in [name for name in waiting if name in stored and holds(stored[name], waiting[name])]:
                del waiting[name]
            return not waiting

        until(nothing_waits, "everything that was recorded is stored", DRAINED_S)
        return time.monotonic() - begun_s

    def until_accounted(self, jid: str, from_ms: int, to_ms: int) -> list[dict[str, Any]]:
        """Wait until each second of a camera is stored or lost with a cause; the spans."""
        spans: list[dict[str, Any]] = []
        access = self.access_token()
        path = f"/api/cameras/{jid}/coverage/?from={utc(from_ms)}&to={utc(to_ms)}"

        def look() -> bool:
            spans[:] = self.request("GET", path, access=access)["spans"]
            return settled(spans)

        try:
            until(look, f"every second of {jid} is accounted for", DRAINED_S)
        except StackFailed as error:
            raise AssertionError(f"{error}: {[span for span in spans if not settled([span])]}") from error
        return spans

    def prove_files(self) -> int:
        """All parse to their end, without a hole between two fragments; how many there are."""
        paths = self.stored().values()
        for path in paths:
            whole = fragments_of(path)
            assert whole, f"{path} holds no fragment"
            assert all(one.tfdt + one.duration == two.tfdt for one, two in pairwise(whole)), f"{path} has a hole"
        return len(paths)


def unexplained(spans: list[dict[str, Any]], kills: list[Kill]) -> list[dict[str, Any]]:
    """Lost seconds without a cause, or which no kill explains."""
    before_ms, after_ms = LOST_AROUND_MS

    def explained(span: dict[str, Any]) -> bool:
        begin, end = ms_of(span["from"]), ms_of(span["to"])
        return bool(span["cause"]) and any(
            begin >= one.at_ms - before_ms and end <= one.at_ms + after_ms for one in kills
        )

    return [span for span in spans if span["state"] == "lost" and not explained(span)]


def lost_s(spans: list[dict[str, Any]]) -> Mapping[str, float]:
    """Seconds that are lost, by cause."""
    found = Counter[str]()
    for span in spans:
        if span["state"] == "lost":
            found[span["cause"]] += round(span_ms(span))
    return {cause: ms / 1000 for cause, ms in found.items()}
