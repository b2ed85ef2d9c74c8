"""A pipeline that is made anew again and again, as for want of CPU, leaves nothing behind in the recorder."""

from __future__ import annotations

from bench.measure.memory import alone_kib

from .conftest import MakeRecorder
from .recording import RecorderProcess

BEFORE, REBUILDS = 5, 20
GROWTH_MIB_MAX = 5.0  # the spread between two moments of one recorder is some 3 MiB; kept, 20 of them are 10


def grown_mib(recorder: RecorderProcess) -> float:
    """By so many rebuilds, after some that give its pools their size."""
    recorder.start()
    listener = recorder.connect()
    listener.event("state", part="camera", state="ok", seconds=30)

    def rebuild(count: int) -> float:
        for number in range(count):
            listener.send_settings(width=640, height=360 + 2 * (count + number))
            listener.event("state", part="camera", state="ok", seconds=60)
        return alone_kib([recorder.pid]) / 1024

    before = rebuild(BEFORE)
    after = rebuild(REBUILDS)
    print(f"{before:.1f} MiB, then {after:.1f}")
    return after - before


def test_pipelines_made_anew_do_not_make_the_recorder_larger(make_recorder: MakeRecorder) -> None:
    assert grown_mib(make_recorder(width=640, height=480)) <= GROWTH_MIB_MAX


def test_pipelines_that_are_kept_would_be_noticed(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(module="tests.agent.leaking_recorder", width=640, height=480)
    assert grown_mib(recorder) > GROWTH_MIB_MAX
