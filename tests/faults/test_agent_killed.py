"""The agent's processes are killed at random moments: that costs the fragment that was being recorded, and is told."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.agent.recording import RecorderProcess
from tests.agent.recording import until as until_true
from tests.e2e.stack import until
from tests.faults.campaign import Campaign, forms
from tests.faults.product import Product, is_alive, now_ms, span_ms
from tests.faults.spooling import chunks_of

PARTS = ("supervisor", "recorder", "live")
LOST_MS_MAX = 2000
BACK_MS_MAX = 5000


def kill(product: Product, part: str) -> int:
    """SIGKILL; when that was (ms). The supervisor is started again as systemd would."""
    pids = until(lambda: running(product, part), f"the {part} process runs", 10)
    killed_ms = now_ms()
    os.kill(pids[part], signal.SIGKILL)
    if part == "supervisor":
        product.agent.stop()
        until(lambda: not any(is_alive(pid) for pid in pids.values()), "no orphan is left", 10)
        product.agent.start()
    else:
        until(lambda: running(product, part).get(part, pids[part]) != pids[part], f"another {part} process", 20)
    return killed_ms


def running(product: Product, part: str) -> dict[str, int]:
    """All processes once this one is among them: one that was killed a moment ago may be in its back-off."""
    pids = product.agent.pids
    return pids if part in pids else {}


def back_ms(product: Product, killed_ms: int) -> int:
    """After how long there are pictures again; its first fragment is awaited."""

    def first() -> int:
        newest = product.newest()
        fresh = newest and newest[1].started_ms > killed_ms and newest[0].bytes_on_disk()
        return newest[1].started_ms if newest and fresh else 0

    return until(first, "recording again", 30) - killed_ms


def lost_ms(spool: Path, killed_ms: int) -> int:
    """From the end of the last picture on the disk to the kill."""
    ends = [one.ended_ms for _, one in chunks_of(spool) if one.closed and one.started_ms < killed_ms]
    return killed_ms - max(ends)


def judge(lost: int) -> None:
    assert lost <= LOST_MS_MAX, f"{lost} ms of pictures are gone"


def until_moment(chance: random.Random) -> None:
    """Somewhere within a fragment or two."""
    moment = time.monotonic() + chance.uniform(0, 0.8)
    until(lambda: time.monotonic() >= moment, "the moment", 5)


@forms("kills", 8, 200)
def test_agent_killed(campaign: Campaign, product: Product, kills: int) -> None:
    begun_ms = max(product.began_ms(), now_ms() - 5000)
    durable, counts = product.durable(), Counter[str]()
    lost, back = [0], [0]
    for number in range(kills):
        chance = campaign.round(number)
        part = PARTS[number % 3] if number < 3 else chance.choice(PARTS)
        counts[part] += 1
        until_moment(chance)
        durable |= product.durable()
        recorder = product.agent.pids["recorder"]
        killed_ms = kill(product, part)
        if part == "live":
            assert product.agent.pids["recorder"] == recorder
            continue
        back.append(back_ms(product, killed_ms))
        lost.append(lost_ms(product.spool, killed_ms))
        print(f"round {number}: {part}, {lost[-1]} ms lost, back after {back[-1]} ms")
        judge(lost[-1])
        assert back[-1] <= BACK_MS_MAX
        campaign.figures |= {"killed": dict(counts), "lost_ms_max": max(lost), "back_ms_max": max(back)}
    product.until_recorded(2)
    ended_ms = now_ms() - 4000
    drained_s = product.until_drained(durable | product.durable())
    spans = product.until_accounted(begun_ms, ended_ms)
    product.prove()
    causes = {span["cause"] for span in spans if span["state"] == "lost"}
    assert causes <= {"recorder"}
    gone_ms = sum(span_ms(span) for span in spans if span["state"] == "lost")
    campaign.figures |= {
        "killed": dict(counts),
        "drained_s": round(drained_s, 1),
        "told_as_lost_s": round(gone_ms / 1000, 1),
    }
    campaign.figures |= {"seconds_judged": (ended_ms - begun_ms) // 1000, "chunks": len(product.stored())}


def test_a_recorder_that_writes_late_is_caught(tmp_path: Path) -> None:
    recorder = RecorderProcess(tmp_path / "state", "tests.faults.careless_recorder", keyframe_ms=500, fps=10)
    recorder.start()
    try:
        listener = recorder.connect()
        for _ in range(11):  # six are written, of five it only says so
            listener.event("fragment")
        killed_ms = now_ms()
        recorder.end(signal.SIGKILL)
        recorder = RecorderProcess(recorder.state, keyframe_ms=500)
        recorder.start()
        until_true(lambda: any(one.closed for _, one in chunks_of(recorder.state / "spool")), "the chunk is mended")
    finally:
        recorder.close()
    with pytest.raises(AssertionError, match="of pictures are gone"):
        judge(lost_ms(recorder.state / "spool", killed_ms))
