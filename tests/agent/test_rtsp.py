"""An IP camera, by a real RTSP server: recorded as it comes, its troubles told in words without its password."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
from ucam_agent import pipeline, sources
from ucam_agent.camera import Board
from ucam_agent.capture import Capture, Listener
from ucam_agent.gst import Fault
from ucam_protocol import RtspSource, Settings

from .conftest import MakeRecorder
from .ip_camera import IpCamera
from .recording import RecorderProcess, fragments_of

MakeCamera = Callable[..., IpCamera]


@pytest.fixture
def make_camera(tmp_path: Path) -> Iterator[MakeCamera]:
    """Starts IP cameras and ends them all."""
    made: list[IpCamera] = []

    def make(*options: str) -> IpCamera:
        made.append(IpCamera(tmp_path, *options))
        made[-1].start()
        return made[-1]

    yield make
    for camera in made:
        camera.close()


def source(camera: IpCamera, who: str = "", path: str = "live") -> dict[str, Any]:
    return {"kind": "rtsp", "url": camera.url(who, path)}


def slices(h264: bytes) -> list[bytes]:
    """The NAL units with pictures of a byte stream."""
    units = re.split(rb"\x00\x00\x00?\x01", h264)
    return [unit.rstrip(b"\x00") for unit in units if unit and unit[0] & 31 in (1, 5)]


def recorded_slices(recorder: RecorderProcess) -> list[bytes]:
    (path,) = recorder.chunks()
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "-"]
    return slices(subprocess.run(command, capture_output=True, check=True).stdout)


def packets(path: Path, columns: str) -> list[str]:
    command = ["ffprobe", "-v", "error", "-show_entries", f"packet={columns}", "-of", "csv=p=0", str(path)]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()


def test_ip_camera_has_no_encoder_in_its_pipeline_and_no_password_in_its_location() -> None:
    rtsp = RtspSource("rtsp://viewer:s3cret@cam/live")
    described = pipeline.encoding(Settings(source=rtsp), sources.rtsp(rtsp))
    assert not [name for name in described.factories if "enc" in name]
    camera = described.element("camera").properties
    assert (camera["location"], camera["protocols"]) == ("rtsp://cam/live", "tcp")
    assert (camera["user-id"], camera["user-pw"]) == ("viewer", "s3cret")
    assert sources.rtsp(RtspSource("rtsps://cam/")).description.element("camera").properties["protocols"] == "tls+tcp"


def test_ip_camera_is_recorded_byte_for_byte(make_camera: MakeCamera, make_recorder: MakeRecorder) -> None:
    camera = make_camera()
    recorder = make_recorder(source=source(camera), width=1280, height=720, fps=30)
    recorder.start()
    listener = recorder.connect(frames=True)
    for _ in range(3):
        listener.event("fragment")
    recorder.end()
    sent, recorded = slices(camera.sent.read_bytes()), recorded_slices(recorder)
    start = sent.index(recorded[0])
    assert sent[start : start + len(recorded)] == recorded
    assert len(recorded) >= 30
    (sidecar,) = recorder.sidecars()
    assert (sidecar["width"], sidecar["height"], sidecar["codec"][:9]) == (320, 240, "avc1.42C0")
    assert all(fragment.keyframe_first for path in recorder.chunks() for fragment in fragments_of(path))


def test_hello_tells_what_the_stream_is_and_that_keyframes_cannot_be_forced(
    make_camera: MakeCamera, make_recorder: MakeRecorder
) -> None:
    recorder = make_recorder(source=source(make_camera()), width=1280, height=720)
    recorder.start()
    listener = recorder.connect(frames=True)
    flags, *_ = listener.frames(1)[0]
    assert flags & 1
    hello = recorder.connect().hello()
    assert (hello["width"], hello["height"], hello["can_force"]) == (320, 240, False)
    listener.ask_keyframe()
    listener.send_settings(source={"kind": "rtsp", "url": "http://cam.example/"})
    assert "url of an IP camera" in listener.event("state", part="recorder")["words"]


def test_b_frames_are_recorded_with_rising_decode_times(make_camera: MakeCamera, make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(source=source(make_camera("--bframes", "2")))
    recorder.start()
    listener = recorder.connect()
    for _ in range(3):
        listener.event("fragment")
    recorder.end()
    (path,) = recorder.chunks()
    shown = [line.split(",") for line in packets(path, "pts_time,dts_time")]
    decoded = [float(dts) for _, dts, *_ in shown]
    assert decoded == sorted(decoded)
    assert any(float(two[0]) < float(one[0]) for one, two in pairwise(shown)), "the stream has B-frames"
    fragments = fragments_of(path)
    assert all(one.tfdt + one.duration == two.tfdt for one, two in pairwise(fragments))
    assert sum(fragment.frames for fragment in fragments) == recorder.sidecars()[0]["frames"]


def test_user_and_password_open_an_ip_camera(make_camera: MakeCamera, make_recorder: MakeRecorder) -> None:
    camera = make_camera("--user", "viewer", "--password", "s3cr@t")
    recorder = make_recorder(source=source(camera, "viewer:s3cr%40t@"))
    recorder.start()
    recorder.connect().event("fragment")
    recorder.end()
    assert "s3cr" not in recorder.log.read_text()


def refused(recorder: RecorderProcess, settings: dict[str, Any]) -> str:
    """What a working recorder says to settings that give no picture; it must work again afterwards."""
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    listener.send_settings(source=settings)
    words: str = listener.event("state", part="recorder", state="degraded")["words"]
    listener.event("fragment")
    recorder.end()
    assert "old ones are back" in words
    return words


def test_wrong_password_is_told_without_it_and_taken_back(make_camera: MakeCamera, make_recorder: MakeRecorder) -> None:
    camera, recorder = make_camera("--user", "viewer", "--password", "right"), make_recorder()
    words = refused(recorder, source(camera, "viewer:s3cret@"))
    assert f"The IP camera at rtsp://127.0.0.1:{camera.port} does not accept user and password" in words
    found = words + recorder.log.read_text() + "".join(gap["detail"] for gap in recorder.gaps())
    assert "s3cret" not in found


@pytest.mark.parametrize(
    ("who", "path", "options", "told"),
    [
        ("", "live", ("--user", "viewer", "--password", "right"), "asks for user and password"),
        ("", "nothing", (), "has no such stream"),
        ("", "live", ("--codec", "jpeg"), "offers JPEG, not H.264"),
    ],
)
def test_what_an_ip_camera_refuses_is_told_in_words(
    make_camera: MakeCamera, make_recorder: MakeRecorder, who: str, path: str, options: tuple[str, ...], told: str
) -> None:
    assert told in refused(make_recorder(), source(make_camera(*options), who, path))


def test_unreachable_ip_camera_is_told_in_words(make_recorder: MakeRecorder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    words = refused(make_recorder(), {"kind": "rtsp", "url": f"rtsp://a:s3cret@127.0.0.1:{port}/"})
    assert "cannot be reached. Check its address" in words
    assert "s3cret" not in words


def _back_within(recorder: RecorderProcess, listener: Any, since: float) -> float:
    listener.event("state", part="camera", state="ok", seconds=20)
    listener.event("fragment")
    assert recorder.exit_code is None
    return time.monotonic() - since


def test_ip_camera_that_was_cut_comes_back_with_a_gap(make_camera: MakeCamera, make_recorder: MakeRecorder) -> None:
    camera = make_camera()
    recorder = make_recorder(source=source(camera))
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    camera.close()
    cut = time.monotonic()
    words = listener.event("state", part="camera", state="broken")["words"]
    assert time.monotonic() - cut < 10
    assert "IP camera" in words
    listener.event("state", part="camera", state="broken")
    camera.start()
    assert _back_within(recorder, listener, time.monotonic()) < 15
    recorder.end()
    (gap,) = recorder.gaps()
    assert gap["cause"] == "camera"
    assert "IP camera" in gap["detail"]


def test_what_breaks_behind_an_ip_camera_is_not_the_fault_of_an_encoder() -> None:
    """The parser ends with this error, when the camera goes before its first whole picture."""
    settings, unheard = Settings(source=RtspSource("rtsp://127.0.0.1/live")), create_autospec(Listener)
    capture = Capture(settings, Board(), unheard, encoded_before=0)
    trouble = capture._meaning(Fault("parse", "stream.wrong-type", "No valid frames found before end of stream"))
    assert (trouble.part, "IP camera" in trouble.words) == ("camera", True)


def test_ip_camera_that_falls_silent_is_noticed_and_comes_back(
    make_camera: MakeCamera, make_recorder: MakeRecorder
) -> None:
    camera = make_camera()
    recorder = make_recorder(source=source(camera))
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    camera.freeze()
    frozen = time.monotonic()
    words = listener.event("state", part="camera", state="broken")["words"]
    assert 4 < time.monotonic() - frozen < 10
    assert "is silent: check its power and network" in words
    camera.thaw()
    assert _back_within(recorder, listener, time.monotonic()) < 15
    recorder.end()
    assert {gap["cause"] for gap in recorder.gaps()} == {"camera"}
