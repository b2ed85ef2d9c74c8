"""Camera or encoder stalls, or is cut off: noticed within 10 s, recorded again within 15 s, and each second is told."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.agent.conftest import MakeRecorder
from tests.agent.ip_camera import IpCamera
from tests.agent.recording import RecorderProcess
from tests.faults.campaign import Campaign, forms
from tests.faults.spooling import chunks_of

NOTICED_S_MAX, AGAIN_S_MAX = 10.0, 15.0
SEAM_MS = 700  # the last fragment's end and the next one's beginning are known to a picture; keyframes come each 500 ms


@dataclass
class Trouble:
    """One way to stall: `begin` it, and `mend` it, where it does not mend itself, once it has been noticed."""

    recorder: RecorderProcess
    part: str
    begin: Callable[[], None]
    mend: Callable[[], None] | None = None


@pytest.fixture
def troubles(make_recorder: MakeRecorder, tmp_path: Path) -> Iterator[dict[str, Trouble]]:
    """Two recorders that run: one with footage that it encodes, one with an IP camera."""
    camera = IpCamera(tmp_path)
    camera.start()
    footage = make_recorder(module="tests.agent.stalling_recorder")
    remote = make_recorder(source={"kind": "rtsp", "url": camera.url()})
    for recorder in (footage, remote):
        recorder.start()
        with closing(recorder.connect()) as listener:
            listener.event("fragment", seconds=30)

    def send(number: int) -> Callable[[], None]:
        return lambda: os.kill(footage.pid, number)

    yield {
        "encoder stalls": Trouble(footage, "encoder", send(signal.SIGUSR2)),
        "IP camera stalls": Trouble(remote, "camera", camera.freeze, camera.thaw),
        "source stalls": Trouble(footage, "camera", send(signal.SIGUSR1)),
        "IP camera is cut off": Trouble(remote, "camera", camera.close, camera.start),
    }
    camera.close()


def stall(trouble: Trouble) -> tuple[float, float]:
    """(noticed after s, recorded again after s, from the mending on where something had to be mended)."""
    with closing(trouble.recorder.connect()) as listener:
        listener.event("fragment")
        began_s = mended_s = time.monotonic()
        trouble.begin()
        listener.event("state", seconds=30, part=trouble.part, state="broken")
        noticed_s = time.monotonic() - began_s
        if trouble.mend:
            trouble.mend()
            mended_s = time.monotonic()
        listener.event("state", seconds=40, part="camera", state="ok")
        listener.event("fragment", seconds=40)
        return noticed_s, time.monotonic() - mended_s


def judge(recorder: RecorderProcess, allowed: set[str]) -> float:
    """Each second is in a chunk or in a gap with one of these causes; how many are lost."""
    gaps = recorder.gaps()
    assert {gap["cause"] for gap in gaps} <= allowed
    spans = [(one.started_ms, one.ended_ms) for _, one in chunks_of(recorder.state / "spool")]
    spans += [(gap["from_ms"], gap["to_ms"]) for gap in gaps]
    spans.sort()
    reached = spans[0][1]
    for begin, end in spans[1:]:
        assert begin - reached <= SEAM_MS, f"{begin - reached} ms of which nobody knows"
        reached = max(reached, end)
    return sum(gap["to_ms"] - gap["from_ms"] for gap in gaps) / 1000


@forms("stalls", 2, 50)
def test_camera_stalls(campaign: Campaign, troubles: dict[str, Trouble], stalls: int) -> None:
    counts, noticed, again = Counter[str](), [0.0], [0.0]
    ways: list[Any] = list(troubles)
    for number in range(stalls):
        chance = campaign.round(number)
        way = ways[number % len(ways)] if number < len(ways) else chance.choice(ways)
        trouble = troubles[way]
        pid = trouble.recorder.pid
        noticed_s, again_s = stall(trouble)
        noticed.append(noticed_s)
        again.append(again_s)
        counts[way] += 1
        print(f"round {number}: {way}, noticed after {noticed_s:.1f} s, recorded again after {again_s:.1f} s")
        campaign.figures |= {"ways": dict(counts), "noticed_s_max": round(max(noticed), 1)}
        campaign.figures["again_s_max"] = round(max(again), 1)
        assert noticed_s <= NOTICED_S_MAX
        assert again_s <= AGAIN_S_MAX
        assert trouble.recorder.pid == pid
        assert trouble.recorder.exit_code is None
    lost_s = 0.0
    for recorder in {id(one.recorder): one.recorder for one in troubles.values()}.values():
        assert recorder.end() == 0
        lost_s += judge(recorder, {"camera", "encoder"})
    campaign.figures["told_as_lost_s"] = round(lost_s, 1)


def test_a_second_of_which_nobody_knows_is_noticed(troubles: dict[str, Trouble]) -> None:
    trouble = troubles["source stalls"]
    stall(trouble)
    trouble.recorder.end()
    judge(trouble.recorder, {"camera"})
    for path in trouble.recorder.state.glob("spool/gaps/*.json"):
        path.unlink()
    with pytest.raises(AssertionError, match="of which nobody knows"):
        judge(trouble.recorder, {"camera"})
