"""The recorder process: nothing is lost, whatever readers do; it ends cleanly and begins again."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ucam_agent.readers import FRAME

from .conftest import MakeRecorder
from .recording import RecorderProcess, fragments_of, numbers, stamps, until


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A recording of more than two chunks, disturbed by readers of every kind all the time; ended by SIGTERM."""
    recorder = RecorderProcess(tmp_path_factory.mktemp("long") / "state")
    recorder.start()
    try:
        stalled = recorder.connect(frames=True)  # never reads
        idle = recorder.connect()
        watcher = recorder.connect(frames=True)
        closed = 0
        while closed < 2:
            for kind, *_, body in watcher.messages(0.3):
                closed += kind != FRAME and b'"chunk_closed"' in body
            watcher.ask_keyframe()
            recorder.connect(frames=True).close()
        code = recorder.end()
        for listener in (stalled, watcher, idle):
            listener.close()
    finally:
        recorder.close()
    return recorder, code, idle


def test_frame_numbers_have_no_hole_across_chunks(long_run: Any) -> None:
    recorder, _, _ = long_run
    chunks = recorder.chunks()
    assert len(chunks) == 3
    found = numbers(chunks)
    assert found == list(range(len(found)))
    assert len(found) == sum(sidecar["frames"] for sidecar in recorder.sidecars())


def test_decode_times_run_on_from_chunk_to_chunk(long_run: Any) -> None:
    fragments = [fragment for path in long_run[0].chunks() for fragment in fragments_of(path)]
    assert all(one.tfdt + one.duration == two.tfdt for one, two in pairwise(fragments))
    assert all(fragment.keyframe_first for fragment in fragments)


def test_sigterm_ends_with_closed_chunks_and_no_gap(long_run: Any) -> None:
    recorder, code, _ = long_run
    assert code == 0
    assert recorder.gaps() == []
    for path, sidecar in zip(recorder.chunks(), recorder.sidecars(), strict=True):
        assert sidecar["closed"]
        assert sidecar["bytes"] == path.stat().st_size
        assert (sidecar["width"], sidecar["height"], sidecar["codec"][:5]) == (320, 240, "avc1.")
    assert not (recorder.state / "live.sock").exists()


def test_sidecar_places_a_chunk_by_the_clock_in_its_pictures(long_run: Any) -> None:
    recorder = long_run[0]
    for path, sidecar in zip(recorder.chunks(), recorder.sidecars(), strict=True):
        assert abs(stamps(path)[0][0] - sidecar["started_ms"]) < 100


def test_clean_sidecars_follow_each_other_without_a_break(long_run: Any) -> None:
    sidecars = long_run[0].sidecars()
    assert [sidecar["seq"] for sidecar in sidecars] == [1, 2, 3]
    for one, two in pairwise(sidecars):
        assert abs(two["started_mono_ns"] - one["ended_mono_ns"]) < 1_000_000
        assert one["run"] == two["run"]


def test_reader_that_asked_for_nothing_gets_events_only(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    listener = recorder.connect()
    kinds = set()
    for kind, *_, body in listener.messages(20):
        kinds.add(kind)
        if b'"fragment"' in body:
            told = json.loads(body)
            break
    assert FRAME not in kinds
    path = recorder.state / "spool" / told["boot"] / f"{told['seq']:08d}.mp4"
    assert path.stat().st_size >= told["offset"] + told["length"]
    assert path.read_bytes()[told["offset"] + 4 : told["offset"] + 8] == b"moof"


def test_keyframe_comes_at_once_and_not_more_often_than_allowed(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(keyframe_ms=10_000, fps=15)
    recorder.start()
    listener = recorder.connect(frames=True)
    first = listener.frames(1)[0]
    assert first[0] & 1, "frames begin with a keyframe"
    listener.frames(8)
    for _ in range(20):
        listener.ask_keyframe()
    flags = [frame[0] & 1 for frame in listener.frames(15)]
    assert 1 in flags[:6]
    assert sum(flags) <= 2, "20 requests at once make two keyframes at most"


def test_frame_carries_its_instant_on_the_monotonic_clock(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    listener = recorder.connect(frames=True)
    caps = until(lambda: recorder.connect().hello()["caps"], "caps")
    assert "stream-format=(string)byte-stream" in caps
    frames = listener.frames(5)
    assert all(0 < time.monotonic_ns() - mono_ns < 5e9 for _, _, mono_ns, _ in frames)
    assert [frame[1] - frames[0][1] for frame in frames] == [0, 1, 2, 3, 4]


def test_killed_at_random_moments_it_loses_one_fragment_at_most(make_recorder: MakeRecorder) -> None:
    chance = random.Random(7)
    recorder = make_recorder()
    for _ in range(5):
        before = recorder.fragments()
        recorder.start()
        until(lambda seen=before: recorder.fragments() > seen, "a new fragment")  # type: ignore[misc]
        moment = time.monotonic() + chance.uniform(0, 1.2)
        until(lambda at=moment: time.monotonic() >= at, "the moment")  # type: ignore[misc]
        recorder.end(signal.SIGKILL)
        killed_ms = time.time() * 1000
        last = stamps(recorder.chunks()[-1])
        # A fragment is 0.5 s; what was encoded after the last whole one is less than two of them.
        assert killed_ms - last[-1][0] < 1500
    recorder.start()
    until(lambda: len(recorder.gaps()) == 5, "a gap for each kill")
    recorder.end()
    assert {gap["cause"] for gap in recorder.gaps()} == {"recorder"}
    assert [sidecar["seq"] for sidecar in recorder.sidecars()] == list(range(1, len(recorder.chunks()) + 1))
    for path, sidecar in zip(recorder.chunks(), recorder.sidecars(), strict=True):
        found = numbers([path])
        assert sidecar["closed"]
        assert found == list(range(found[0], found[0] + sidecar["frames"]))
    _every_hole_has_its_gap(recorder)


def _every_hole_has_its_gap(recorder: RecorderProcess) -> None:
    gaps = [(gap["from_ms"], gap["to_ms"]) for gap in recorder.gaps()]
    for one, two in pairwise(recorder.sidecars()):
        ended_ms = one["started_ms"] + (one["ended_mono_ns"] - one["started_mono_ns"]) // 1_000_000
        if one["run"] != two["run"]:
            assert (ended_ms, two["started_ms"]) in gaps


def test_new_boot_of_the_machine_is_a_gap_by_power(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    until(lambda: recorder.fragments() > 1, "fragments")
    recorder.end(signal.SIGKILL)
    boot_file = recorder.state / "spool" / "boot.json"
    boot = json.loads(boot_file.read_text())
    boot_file.write_text(json.dumps({**boot, "kernel_boot_id": "another"}))
    recorder.start()
    gap = until(recorder.gaps, "the gap")[0]
    assert gap["cause"] == "power"
    assert gap["boot"] != boot["boot"]
    until(lambda: json.loads(boot_file.read_text())["next_seq"] == 2, "the first chunk of the new boot")


def test_bitrate_changes_without_a_new_run(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    listener.send_settings(bitrate_kbit=150)
    assert listener.event("state", part="recorder")["state"] == "ok"
    listener.event("fragment")
    recorder.end()
    assert [sidecar["run"] for sidecar in recorder.sidecars()] == [1]


def test_new_size_begins_a_new_run_with_a_short_gap(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    listener.send_settings(width=480, height=272)
    listener.event("state", part="recorder", state="ok")
    listener.event("fragment")
    recorder.end()
    assert [(one["run"], one["width"]) for one in recorder.sidecars()] == [(1, 320), (2, 480)]
    (gap,) = recorder.gaps()
    assert gap["cause"] == "settings"
    assert gap["to_ms"] - gap["from_ms"] < 3000
    assert numbers(recorder.chunks()[:1])[-1] > 0


def test_settings_without_a_picture_are_taken_back(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    listener.send_settings(source={"kind": "file", "name": "nothing.mp4"})
    words = listener.event("state", part="recorder", state="degraded")["words"]
    assert "nothing.mp4" in words
    listener.event("fragment")
    recorder.end()
    assert [one["run"] for one in recorder.sidecars()] == [1, 2]


def test_footage_that_is_no_video_is_taken_back(make_recorder: MakeRecorder, tmp_path: Path) -> None:
    recorder = make_recorder()
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    listener.send_settings(source={"kind": "file", "name": "README.md"})
    listener.event("state", part="recorder", state="degraded")
    listener.event("fragment")
    assert recorder.exit_code is None


def test_malformed_settings_and_messages_are_refused_in_words(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    for body in (b"{", b'{"width": 7}', b'{"source": {"kind": "file", "name": "../../etc/passwd"}}'):
        listener.say(17, body)
        assert "cannot be used" in listener.event("state", state="degraded")["words"]
    listener.say(99, b"whatever")
    listener.event("fragment")


def test_unusable_settings_file_stops_the_start_with_a_sentence(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    (recorder.state / "settings.json").write_text('{"width": "wide"}')
    recorder.start()
    until(lambda: recorder.exit_code is not None, "the end")
    assert recorder.exit_code == 1
    assert "settings.json cannot be used" in recorder.log.read_text()
    assert "Traceback" not in recorder.log.read_text()


def test_pictures_lost_before_the_encoder_are_counted(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(fps=20)
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    os.kill(recorder.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    until(lambda: time.monotonic() - stopped >= 1.5, "a stop of 1.5 s")
    os.kill(recorder.pid, signal.SIGCONT)
    assert listener.event("counters")["dropped"] >= 25
    recorder.end()
    (sidecar,) = recorder.sidecars()
    (path,) = recorder.chunks()
    assert sidecar["dropped"] >= 25
    assert numbers([path]) == list(range(sidecar["frames"]))
    assert all(fragment.keyframe_first for fragment in fragments_of(path))
    length_s = (sidecar["ended_mono_ns"] - sidecar["started_mono_ns"]) / 1e9
    assert abs(length_s - (sidecar["frames"] + sidecar["dropped"]) / 20) < 0.3


def test_a_machine_that_is_far_too_slow_still_records_whole_groups(make_recorder: MakeRecorder) -> None:
    """By the encoder's count of pictures the next keyframe is many seconds away; storage takes no half a group."""
    recorder = make_recorder(fps=20, keyframe_ms=500)
    recorder.start()
    recorder.connect().event("fragment")
    for _ in range(8):
        for number, moment in ((signal.SIGSTOP, 0.9), (signal.SIGCONT, 0.08)):
            os.kill(recorder.pid, number)
            begun = time.monotonic()
            until(lambda end=begun + moment: time.monotonic() >= end, "the moment")  # type: ignore[misc]
    recorder.end()
    fragments = [one for path in recorder.chunks() for one in fragments_of(path)]
    assert sum(sidecar["dropped"] for sidecar in recorder.sidecars()) >= 40
    assert all(one.keyframe_first for one in fragments)


def test_test_picture_is_recorded_too(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(source={"kind": "test", "pattern": "ball", "stamp": True}, timezone="Europe/Berlin")
    recorder.start()
    recorder.connect().event("fragment")
    recorder.end()
    assert numbers(recorder.chunks())[:3] == [0, 1, 2]


def test_source_that_falls_silent_is_started_again(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(module="tests.agent.stalling_recorder")
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    os.kill(recorder.pid, signal.SIGUSR1)
    assert "no picture for 5 s" in listener.event("state", part="camera", state="broken")["words"]
    listener.event("state", part="camera", state="ok")
    (gap,) = until(recorder.gaps, "the gap")
    assert gap["cause"] == "camera"
    assert 4000 < gap["to_ms"] - gap["from_ms"] < 10_000
    recorder.end()
    one, two = (stamps(path) for path in recorder.chunks())
    assert abs(gap["from_ms"] - one[-1][0]) < 300, "the pictures before the silence were kept to the last"
    assert abs(gap["to_ms"] - two[0][0]) < 300


def test_a_fragment_that_is_none_is_a_gap_and_not_left_out_silently(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(module="tests.agent.garbling_recorder")
    recorder.start()
    listener = recorder.connect()
    listener.event("state", part="encoder", state="broken")
    until(lambda: len(recorder.sidecars()) > 1 and recorder.fragments() > 3, "another run")
    (gap,) = until(recorder.gaps, "the gap")
    assert gap["cause"] == "encoder"
    one, two = recorder.sidecars()[:2]
    assert gap["from_ms"] == one["started_ms"] + (one["ended_mono_ns"] - one["started_mono_ns"]) // 1_000_000
    assert gap["to_ms"] == two["started_ms"]


def test_bad_settings_at_the_start_give_way_to_the_last_good_ones(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    until(lambda: (recorder.state / "spool" / "settings.json").exists(), "proven settings")
    recorder.end()
    recorder.write_settings(source={"kind": "file", "name": "nothing.mp4"})
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    recorder.end()
    (recorder.state / "settings.json").write_text("{")
    recorder.start()
    recorder.connect().event("fragment")
    assert "The last ones that worked are used instead" in recorder.log.read_text()


def test_source_that_does_not_exist_ends_the_process_in_words(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(source={"kind": "file", "name": "nothing.mp4"})
    recorder.start()
    until(lambda: recorder.exit_code is not None, "the end")
    assert recorder.exit_code == 1
    assert "There is no footage nothing.mp4" in recorder.log.read_text()
    assert "Traceback" not in recorder.log.read_text()
