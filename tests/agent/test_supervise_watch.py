"""The supervisor's patience with the live process is counted on the monotonic clock."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ucam_agent.config import Config, State
from ucam_agent.pulse import Recorded
from ucam_agent.supervise import LIVE, Watch, with_usable_runtime
from ucam_supervise import State as ChildState


def test_a_step_of_the_clock_is_no_silence(tmp_path: Path) -> None:
    state = State(tmp_path / "s")
    state.make()
    watch = Watch(Config(state))
    watch.on_state(LIVE, ChildState.RUNNING)
    state.live_status.write_text("{}")
    os.utime(state.live_status, (1, 1))  # written in 1970, as far as the file tells
    assert watch.silent_s() < 1


def test_each_heartbeat_begins_a_new_patience(tmp_path: Path) -> None:
    state = State(tmp_path / "s")
    state.make()
    watch = Watch(Config(state))
    before = watch.silent_s()
    assert watch.silent_s() > before
    longest = watch.silent_s()
    state.live_status.write_text("{}")
    assert watch.silent_s() < longest


def test_a_place_that_is_not_there_is_no_reason_not_to_record(tmp_path: Path) -> None:
    state = State(tmp_path / "s", tmp_path / "nowhere")
    assert with_usable_runtime(Config(state)).state == State(tmp_path / "s")
    (tmp_path / "nowhere").mkdir()
    assert with_usable_runtime(Config(state)).state.live_socket == tmp_path / "nowhere" / "live.sock"


def test_a_recorder_has_recorded_when_there_is_a_chunk_of_its_own_that_holds_something(tmp_path: Path) -> None:
    def newest(seq: int, content: bytes) -> None:
        (tmp_path / "ab").mkdir(exist_ok=True)
        (tmp_path / "ab" / f"{seq:08d}.mp4").write_bytes(content)
        (tmp_path / "boot.json").write_text(json.dumps({"boot": "ab", "next_seq": seq + 1}))

    recorded = Recorded(tmp_path)
    recorded.begin()
    assert not recorded.since()
    newest(1, b"first")
    assert recorded.since()
    recorded.begin()
    newest(1, b"mended")  # what the one before left
    assert not recorded.since()
    newest(2, b"")
    assert not recorded.since()
    newest(2, b"its own")
    assert recorded.since()
