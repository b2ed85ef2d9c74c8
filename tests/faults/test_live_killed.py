"""The live process is killed, hangs, or gets no memory any more: no frame is lost, the camera is back in the room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import select
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from ucam_agent.chunk import Sidecar
from ucam_agent.supervise import CHECK_EVERY_S, SILENCE_MAX_S

from tests.agent.recording import numbers
from tests.e2e.stack import until
from tests.faults.campaign import Campaign, forms
from tests.faults.person import seconds_to_picture
from tests.faults.product import Product
from tests.faults.spooling import chunks_of
from tests.faults.test_agent_killed import kill, until_moment

WAYS = ("killed", "no memory", "hung")
CHANCES = (3, 1, 1)  # a hang takes 20 s to be noticed
BACK_S_MAX = 5.0
STOPPED_S = 5.0  # what the supervisor gives it to end by itself
ENDED_S_MAX = {"killed": 2.0, "no memory": 30.0, "hung": SILENCE_MAX_S + CHECK_EVERY_S + STOPPED_S + 2.0}
WATCH_S = 25.0


def disturb(pid: int, way: str) -> None:
    """A page more than it has now is refused to a process without memory."""
    if way == "no memory":
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        resource.prlimit(pid, resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE"), resource.RLIM_INFINITY))
    else:
        os.kill(pid, signal.SIGKILL if way == "killed" else signal.SIGSTOP)


def watch(product: Product) -> threading.Thread:
    """Somebody wants to see the camera, which takes memory; they come again until there is a picture, or give up."""

    def run() -> None:
        with contextlib.suppress(TimeoutError):
            asyncio.run(seconds_to_picture(product, product.access(), WATCH_S))

    viewer = threading.Thread(target=run)
    viewer.start()
    return viewer


@dataclass
class Disturbed:
    """A live process that something happens to. Where memory is refused, somebody comes to see the camera."""

    product: Product
    pid: int
    way: str

    def __enter__(self) -> Disturbed:
        self._process = os.pidfd_open(self.pid)
        self._deadline = time.monotonic() + ENDED_S_MAX[self.way]
        disturb(self.pid, self.way)
        self._viewer = watch(self.product) if self.way == "no memory" else None
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._process)
        if self._viewer:
            self._viewer.join()

    def ended_s(self) -> float | None:
        """When it ended, by time.monotonic(), whatever the viewer still waits for.

        None for one that did not need the memory that it was refused: the viewer has seen the camera or given up, and
        it is still there. It then gets as much as it wants again.
        """
        while not select.select([self._process], [], [], 0.02)[0]:
            if self._viewer and not self._viewer.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    resource.prlimit(self.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                return None
            assert time.monotonic() < self._deadline, f"{self.way}: it has not ended"
        return time.monotonic()


def back_s(product: Product, since_s: float, before: str) -> float:
    """How long after its end it was back in the room, where it had been as `before`."""
    until(lambda: seat(product) not in ("", before), "back in the room", 30)
    took_s = time.monotonic() - since_s
    assert took_s <= BACK_S_MAX, f"back only after {took_s:.1f} s"
    return took_s


def seat(product: Product) -> str:
    """The camera's full JID in the room; empty while it is not there."""
    peers = product.request("GET", "/api/peers/", access=product.access())
    return next((peer["jid"] for peer in peers if peer["jid"].startswith(f"{product.camera_jid}/")), "")


def judge(spool: Path, since_ns: int) -> int:
    """Frames of the chunks that are whole by now, without a hole but those counted as dropped; how many."""
    found = [(chunk, one) for chunk, one in chunks_of(spool) if one.closed and one.started_mono_ns >= since_ns]
    found.sort(key=lambda pair: pair[1].started_mono_ns)
    seen = numbers([chunk.media for chunk, _ in found])
    assert all(two > one for one, two in pairwise(seen)), "the recorder began anew"
    missing = sum(two - one - 1 for one, two in pairwise(seen))
    dropped = sum(one.dropped for _, one in found)
    assert missing <= dropped, f"{missing} frames are missing, {dropped} were told"
    return len(seen)


def until_closed(product: Product, since_ns: int) -> None:
    """Until a chunk is whole that was begun after that."""

    def look() -> list[Sidecar]:
        return [one for _, one in chunks_of(product.spool) if one.closed and one.started_mono_ns >= since_ns]

    until(look, "a whole chunk", 40)


@forms("rounds", 3, 100)
def test_live_killed(campaign: Campaign, product: Product, rounds: int) -> None:
    product.until_recorded(1)
    begun_ns, recorder = time.monotonic_ns(), product.agent.pids["recorder"]
    counts, back, ended = Counter[str](), [0.0], dict.fromkeys(WAYS, 0.0)
    for number in range(rounds):
        chance = campaign.round(number)
        way = WAYS[number] if number < len(WAYS) else chance.choices(WAYS, CHANCES)[0]
        until_moment(chance)
        live = until(lambda: product.agent.pids.get("live", 0), "it runs", 10)
        before = until(lambda: seat(product), "it is in the room", 30)
        began_s = time.monotonic()
        with Disturbed(product, live, way) as disturbed:
            end_s = disturbed.ended_s()
            if end_s is None:
                counts["lived on without memory"] += 1
                print(f"round {number}: lived on without memory")
                continue
            back.append(back_s(product, end_s, before))
        ended[way] = max(ended[way], round(end_s - began_s, 1))
        counts[way] += 1
        print(f"round {number}: {way}, ended after {end_s - began_s:.1f} s, back {back[-1]:.1f} s later")
        assert product.agent.pids["recorder"] == recorder
        campaign.figures |= {"ways": dict(counts), "ended_s_max": ended, "back_s_max": round(max(back), 1)}
    until_closed(product, time.monotonic_ns())
    campaign.figures["frames_judged"] = judge(product.spool, begun_ns)


def test_a_recorder_that_was_killed_with_it_is_noticed(product: Product) -> None:
    product.until_recorded(1)
    begun_ns = time.monotonic_ns()
    until_closed(product, begun_ns)
    kill(product, "recorder")
    until_closed(product, time.monotonic_ns())
    with pytest.raises(AssertionError, match="began anew"):
        judge(product.spool, begun_ns)


def test_a_live_process_that_comes_back_late_is_noticed(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    product.until_recorded(1)
    live = until(lambda: product.agent.pids.get("live", 0), "it runs", 10)
    before = until(lambda: seat(product), "it is in the room", 30)
    monkeypatch.setattr(f"{__name__}.disturb", lambda pid, _: os.kill(pid, signal.SIGKILL))  # it always ends
    supervisor = product.agent.pids["supervisor"]
    late = threading.Timer(BACK_S_MAX + 1, os.kill, (supervisor, signal.SIGCONT))
    os.kill(supervisor, signal.SIGSTOP)
    late.start()
    try:
        with Disturbed(product, live, "no memory") as disturbed:
            end_s = disturbed.ended_s()
            assert end_s is not None
            with pytest.raises(AssertionError, match="back only after"):
                back_s(product, end_s, before)
    finally:
        late.join()
