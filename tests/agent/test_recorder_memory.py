"""A pipeline that is made anew again and again, as for want of CPU, leaves nothing behind in the recorder."""

from __future__ import annotations

from bench.measure.memory import alone_kib

from .conftest import MakeRecorder
from .recording import RecorderProcess

HEIGHTS = (360, 362, 364, 366)  # pictures of one size at each moment, for larger ones take more
MOMENTS, WARM, COMPARED = 16, 1, 5
# One moment of one recorder may be 10 MiB above another, the lowest of five 5 (GStreamer 1.26, a busy machine). Kept,
# 40 pipelines are 13 at least.
GROWTH_MIB_MAX = 8.0


def grown_mib(recorder: RecorderProcess) -> float:
    """By the 40 rebuilds that lie between the lowest of the first moments and the lowest of the last."""
    recorder.start()
    listener = recorder.connect()
    listener.event("state", part="camera", state="ok", seconds=30)

    def rebuilt() -> float:
        for height in HEIGHTS:
            listener.send_settings(width=640, height=height)
            listener.event("state", part="camera", state="ok", seconds=60)
        return alone_kib([recorder.pid]) / 1024

    seen = [rebuilt() for _ in range(MOMENTS)][WARM:]
    print(" ".join(f"{mib:.1f}" for mib in seen))
    return min(seen[-COMPARED:]) - min(seen[:COMPARED])


def test_pipelines_made_anew_do_not_make_the_recorder_larger(make_recorder: MakeRecorder) -> None:
    assert grown_mib(make_recorder(width=640, height=480)) <= GROWTH_MIB_MAX


def test_pipelines_that_are_kept_would_be_noticed(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(module="tests.agent.leaking_recorder", width=640, height=480)
    assert grown_mib(recorder) > GROWTH_MIB_MAX
