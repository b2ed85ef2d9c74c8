"""Every kind of camera held to the same contract: it gives pictures, its silence and its absence are noticed in time.

The cameras are fakes that behave (ucam_agent.fake.gst_camera, rpicam_vid.py); all run at once, to save time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ucam_agent import camera, pipeline, sources
from ucam_agent.camera import Board, CameraAbsent, SourceUnknown
from ucam_agent.discovery import CsiCamera, Found, UsbCamera
from ucam_agent.encoders import X264
from ucam_agent.sources import Mode
from ucam_protocol import AutoSource, LibcameraSource, Settings, V4l2Source

from .fake_camera_recorder import USB
from .recording import ROOT, RecorderProcess, fragments_of, until

MODULE = "tests.agent.fake_camera_recorder"
V4L2 = {"kind": "v4l2", "device": USB}
KINDS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "libcamera": ({"kind": "libcamera"}, {"factory": "libcamerasrc", "gives": "raw"}),
    "auto": ({"kind": "auto"}, {"factory": "libcamerasrc", "gives": "raw"}),
    "v4l2-h264": (V4L2, {"factory": "v4l2src", "gives": "h264"}),
    "v4l2-mjpeg": (V4L2, {"factory": "v4l2src", "gives": "mjpeg"}),
    "v4l2-raw": (V4L2, {"factory": "v4l2src", "gives": "raw"}),
    "rpicam": ({"kind": "libcamera"}, {"rpicam": "rpicam-vid"}),
}


@dataclass
class Life:
    """What one camera went through."""

    recorder: RecorderProcess
    frames: int = 0
    keyframe_first: bool = False
    silence: tuple[float, str] = (0.0, "")
    silence_ended_s: float = 0.0
    absence: tuple[float, str] = (0.0, "")
    absence_ended_s: float = 0.0
    events: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None


def disturb(recorder: RecorderProcess, number: signal.Signals) -> None:
    """A fake camera is told by signal, the program that stands in for rpicam-vid is stopped or killed."""
    children = Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children").read_text().split()
    program = {signal.SIGUSR1: signal.SIGSTOP, signal.SIGUSR2: signal.SIGKILL}[number]
    if children:
        os.kill(int(children[0]), program)
    else:
        os.kill(recorder.pid, number)


def live(life: Life) -> None:
    """Pictures, silence, pictures, absence, pictures."""
    life.recorder.start()
    watcher = life.recorder.connect(frames=True)
    frames = watcher.frames(10)
    life.frames, life.keyframe_first = len(frames), bool(frames[0][0] & 1)
    watcher.close()
    listener = life.recorder.connect()
    listener.event("fragment")
    for name, number in (("silence", signal.SIGUSR1), ("absence", signal.SIGUSR2)):
        disturb(life.recorder, number)
        at = time.monotonic()
        words = listener.event("state", part="camera", state="broken")["words"]
        setattr(life, name, (time.monotonic() - at, words))
        listener.event("state", part="camera", state="ok")
        listener.event("fragment")
        setattr(life, f"{name}_ended_s", time.monotonic() - at)
    life.recorder.end()


def make(folder: Path, source: dict[str, Any], fake: dict[str, str], **settings: Any) -> RecorderProcess:
    recorder = RecorderProcess(folder / "state", module=MODULE, source=source, **settings)
    if "rpicam" in fake:
        script = folder / "rpicam-vid"
        script.write_text(f'#!/bin/sh\ncd {ROOT}\nexec {sys.executable} -m tests.agent.rpicam_vid "$@"\n')
        script.chmod(0o755)
        fake = {"rpicam": str(script)}
    (recorder.state / "fake.json").write_text(json.dumps(fake))
    return recorder


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Life]]:
    lives = {kind: Life(make(tmp_path_factory.mktemp(kind), *KINDS[kind])) for kind in KINDS}

    def run(life: Life) -> None:
        try:
            live(life)
        except BaseException as error:
            life.error = error

    threads = [threading.Thread(target=run, args=(life,)) for life in lives.values()]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(90)
        yield lives
    finally:
        for life in lives.values():
            life.recorder.close()


@pytest.fixture(params=KINDS)
def life(request: pytest.FixtureRequest, lives: dict[str, Life]) -> Life:
    life = lives[request.param]
    assert life.error is None, f"{life.error!r}\n{life.recorder.log.read_text()}"
    return life


def test_camera_gives_frames_that_begin_with_a_keyframe(life: Life) -> None:
    assert life.frames == 10
    assert life.keyframe_first


def test_recording_of_a_camera_is_whole_and_begins_with_keyframes(life: Life) -> None:
    assert life.recorder.chunks()
    for path, sidecar in zip(life.recorder.chunks(), life.recorder.sidecars(), strict=True):
        assert sidecar["closed"]
        assert (sidecar["width"], sidecar["height"], sidecar["codec"][:5]) == (320, 240, "avc1.")
        assert all(fragment.keyframe_first for fragment in fragments_of(path))


def test_silence_of_a_camera_is_noticed_within_10_s_and_ends_within_15_s(life: Life) -> None:
    seconds, words = life.silence
    assert 4 < seconds < 10
    assert "There was no picture for 5 s" in words
    assert life.silence_ended_s < 15


def test_unplugged_camera_is_noticed_at_once_and_back_soon_after_it_is(life: Life) -> None:
    seconds, words = life.absence
    assert seconds < 2
    assert "Check" in words
    assert life.absence_ended_s < 15


def test_each_loss_is_a_gap_with_its_cause_and_words(life: Life) -> None:
    gaps = life.recorder.gaps()
    assert [gap["cause"] for gap in gaps] == ["camera", "camera"]
    assert "no picture" in gaps[0]["detail"]
    assert gaps[0]["to_ms"] - gaps[0]["from_ms"] > 4000
    assert gaps[1]["detail"]


def test_size_that_a_camera_lacks_is_told_and_taken_back(tmp_path: Path) -> None:
    for kind, words in (("v4l2-mjpeg", "Choose one of 640 x 480, 320 x 240"), ("libcamera", "does not give 800 x 600")):
        (tmp_path / kind).mkdir()
        recorder = make(tmp_path / kind, *KINDS[kind])
        try:
            recorder.start()
            listener = recorder.connect()
            listener.event("fragment")
            listener.send_settings(source=KINDS[kind][0], width=800, height=600)
            assert words in listener.event("state", part="recorder", state="degraded")["words"]
            listener.event("fragment")
            recorder.end()
        finally:
            recorder.close()


def test_driver_that_hangs_costs_the_process_so_that_another_can_start(tmp_path: Path) -> None:
    recorder = make(tmp_path, V4L2, {**KINDS["v4l2-raw"][1], "hangs": "yes"})
    try:
        recorder.start()
        until(lambda: recorder.fragments() > 1, "fragments")
        os.kill(recorder.pid, signal.SIGUSR2)
        began = time.monotonic()
        until(lambda: recorder.exit_code is not None, "the end of the process")
        assert recorder.exit_code == 4
        assert time.monotonic() - began < 15
        recorder.start()
        (gap,) = until(recorder.gaps, "the gap")
        assert (gap["cause"], "cannot be read" in gap["detail"]) == ("camera", True)
    finally:
        recorder.close()


# ---------------------------------------------------------------- descriptions


def test_ribbon_camera_has_every_field_of_its_caps() -> None:
    described = sources.libcamera(Settings(width=1280, height=720, fps=30), "imx219", X264).description
    assert described.element("camera").properties == {"camera-name": "imx219"}
    assert described.element("size").properties["caps"] == (
        "video/x-raw,format=NV12,width=1280,height=720,framerate=30/1,interlace-mode=progressive,colorimetry=bt709"
    )


def test_pictures_wait_for_the_encoder_in_a_queue_that_leaks_and_is_short() -> None:
    described = pipeline.encoding(Settings(), sources.libcamera(Settings(), "", X264))
    assert described.element("fresh").properties == {
        "leaky": "upstream",
        "max-size-buffers": 3,
        "max-size-bytes": 0,
        "max-size-time": 0,
    }
    assert [one for one in described.factories if one.endswith("enc")] == ["x264enc"]


def test_program_of_a_ribbon_camera_is_an_argv_and_needs_no_encoder() -> None:
    given = sources.rpicam(Settings(width=1280, height=720, fps=30, keyframe_ms=2000), "/usr/bin/rpicam-vid", 1)
    assert given.argv[:3] == ("/usr/bin/rpicam-vid", "-t", "0")
    pairs = dict(zip(given.argv, given.argv[1:], strict=False))
    assert (pairs["--width"], pairs["--intra"], pairs["--bitrate"], pairs["--camera"]) == ("1280", "60", "2000000", "1")
    assert not [one for one in pipeline.encoding(Settings(), given).factories if one.endswith("enc")]


@pytest.mark.parametrize(
    ("format_", "factories"),
    [
        ("h264", ["v4l2src", "capsfilter"]),
        ("mjpeg", ["v4l2src", "capsfilter", "jpegdec", "videoconvert", "capsfilter", "queue"]),
        ("raw", ["v4l2src", "capsfilter", "videoconvert", "capsfilter", "queue"]),
    ],
)
def test_usb_camera_is_taken_as_it_comes(format_: str, factories: list[str]) -> None:
    given = sources.v4l2(Settings(), "cam", Mode(format_, 1280, 720, 30), X264)
    assert given.description.factories == factories
    assert given.description.element("camera").properties == {"device": "/dev/v4l/by-id/cam"}
    assert given.encoded == (format_ == "h264")


def test_usb_camera_that_is_too_fast_loses_pictures_before_the_encoder() -> None:
    described = sources.v4l2(Settings(fps=10), "cam", Mode("mjpeg", 1280, 720, 30), X264).description
    assert described.element("rated").properties["caps"] == "video/x-raw,framerate=10/1"


def test_best_mode_is_h264_then_mjpeg_then_raw_and_no_faster_than_needed() -> None:
    modes = tuple(
        Mode(format_, width, height, rate, per)
        for format_, width, height, rate, per in (
            ("raw", 1280, 720, 30, 1),
            ("mjpeg", 1280, 720, 60, 1),
            ("mjpeg", 1280, 720, 30_000, 1001),
            ("mjpeg", 640, 480, 15, 1),
            ("h264", 640, 480, 30, 1),
        )
    )
    assert sources.best_mode(Settings(), modes) == modes[2]
    assert sources.best_mode(Settings(width=640, height=480, fps=15), modes) == modes[4]
    assert sources.best_mode(Settings(width=1920, height=1080), modes) is None
    assert sources.best_mode(Settings(width=640, height=480), modes[:4]) == modes[3]


def test_camera_is_chosen_ribbon_before_usb() -> None:
    usb, csi = UsbCamera("cam", "Cam"), CsiCamera("/base/imx219", "imx219")
    auto = Settings(source=AutoSource())
    assert camera.chosen(auto, Found((csi,), (usb,))).source == LibcameraSource("/base/imx219")
    assert camera.chosen(auto, Found(v4l2=(usb,))).source == V4l2Source("cam")
    with pytest.raises(CameraAbsent, match=r"No camera was found\. Plug one in"):
        camera.chosen(auto, Found())


@pytest.mark.parametrize(
    ("source", "board", "words"),
    [
        (V4l2Source("gone"), Board(), "The USB camera gone is not there. Plug it in"),
        (LibcameraSource(index=3), Board(), "There is no camera 3 at the ribbon cable"),
        (LibcameraSource(), Board(libcamera=False), "sudo apt install gstreamer1.0-libcamera"),
    ],
)
def test_what_a_board_lacks_is_told_in_words(source: Any, board: Board, words: str) -> None:
    with pytest.raises((CameraAbsent, SourceUnknown), match=words):
        camera.live(Settings(source=source), board, Found())


def test_only_a_camera_that_may_be_plugged_in_again_is_tried_again() -> None:
    assert not CameraAbsent("").permanent
    assert SourceUnknown("").permanent
