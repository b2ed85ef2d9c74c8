"""Sound in the recording: beside the pictures, in step with them, and never at their cost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ucam_agent.readers import SOUND, WANT

from .conftest import MakeRecorder
from .hearing import Microphone, apart_s, flashes, frequency_hz, media
from .ip_camera import IpCamera
from .recording import Listener, RecorderProcess, numbers, until

TEST = {"source": {"kind": "test", "stamp": True}, "audio": {"kind": "source"}, "fps": 15}


@pytest.fixture
def microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Microphone]:
    microphone = Microphone(tmp_path)
    for name, value in microphone.environment.items():
        monkeypatch.setenv(name, value)
    yield microphone
    microphone.close()


def recorded(recorder: RecorderProcess, fragments: int) -> Path:
    """The one chunk, when it has so many fragments and is closed."""
    until(lambda: recorder.fragments() >= fragments, f"{fragments} fragments", 40)
    assert recorder.end() == 0
    [chunk] = recorder.chunks()
    return chunk


def sound_state(listener: Listener, state: str, seconds: float = 30) -> str:
    words: str = listener.event("state", seconds, part="sound", state=state)["words"]
    return words


def test_beep_and_flash_of_the_test_picture_are_recorded_together(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(**TEST)
    recorder.start()
    chunk = recorded(recorder, 9)
    streams = media(chunk)
    assert (streams["audio"]["codec_name"], streams["audio"]["channels"]) == ("aac", "1")
    assert float(streams["audio"]["start_time"]) < 0.1
    assert abs(float(streams["audio"]["duration"]) - float(streams["video"]["duration"])) < 0.7
    assert len(flashes(chunk)) >= 3
    assert max(apart_s(chunk)) < 0.1


def test_sound_of_footage_stays_with_its_pictures_over_the_seam_of_the_loop(
    make_recorder: MakeRecorder, tmp_path: Path
) -> None:
    footage = tmp_path / "media"
    footage.mkdir()
    white = "drawbox=x=iw*3/4:y=ih/2:w=iw/4:h=ih/4:t=fill:color=white:enable='lt(mod(t,1),0.2)'"
    beep = "aevalsrc='0.3*sin(2*PI*1000*t)*lt(mod(t,1),0.2)':s=44100:d=3"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"color=black:s=320x240:r=15:d=3,{white}"]
    command += ["-f", "lavfi", "-i", beep, "-c:v", "libx264", "-bf", "0", "-c:a", "aac", str(footage / "beep.mp4")]
    subprocess.run(command, check=True, timeout=60)
    recorder = make_recorder(**{**TEST, "source": {"kind": "file", "name": "beep.mp4"}}, media=footage)
    recorder.start()
    chunk = recorded(recorder, 14)
    assert len(flashes(chunk)) >= 5
    assert max(apart_s(chunk)) < 0.1


def test_a_microphone_is_recorded_beside_any_picture(make_recorder: MakeRecorder, microphone: Microphone) -> None:
    recorder = make_recorder(**{**TEST, "audio": {"kind": "alsa"}})
    recorder.start()
    assert sound_state(recorder.connect(), "ok") == "Sound is recorded."
    assert abs(frequency_hz(recorded(recorder, 8)) - 1000) < 20


def test_a_microphone_that_hangs_costs_sound_and_not_one_picture(
    make_recorder: MakeRecorder, microphone: Microphone
) -> None:
    recorder = make_recorder(**{**TEST, "audio": {"kind": "alsa"}})
    recorder.start()
    listener = recorder.connect()
    sound_state(listener, "ok")
    microphone.fall_silent()
    words = sound_state(listener, "broken")
    assert words.startswith("The microphone default gives nothing. Check its plug.")
    chunk = recorded(recorder, recorder.fragments() + 3)
    found = numbers([chunk])
    assert found == list(range(found[0], found[0] + len(found)))
    streams = media(chunk)
    assert abs(float(streams["audio"]["duration"]) - float(streams["video"]["duration"])) < 0.7
    assert not recorder.gaps()


def test_without_its_microphone_a_camera_records_pictures_and_says_so(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(**{**TEST, "audio": {"kind": "alsa", "device": "hw:CARD=Absent"}})
    recorder.start()
    words = sound_state(recorder.connect(), "broken")
    assert "The microphone hw:CARD=Absent cannot be opened or was unplugged." in words
    assert "Pictures are recorded without sound; it is tried again." in words
    assert media(recorded(recorder, 5))["audio"]["codec_name"] == "aac"


@pytest.mark.parametrize(("kind", "rate", "channels"), [("aac", "44100", "2"), ("g711", "48000", "1")])
def test_an_ip_cameras_own_sound_is_recorded(
    make_recorder: MakeRecorder, tmp_path: Path, kind: str, rate: str, channels: str
) -> None:
    camera = IpCamera(tmp_path, "--sound", kind)
    camera.start()
    try:
        recorder = make_recorder(**_of(camera))
        recorder.start()
        sound_state(recorder.connect(), "ok")
        chunk = recorded(recorder, 4)
    finally:
        camera.close()
    streams = media(chunk)
    assert (streams["audio"]["sample_rate"], streams["audio"]["channels"]) == (rate, channels)
    assert abs(float(streams["audio"]["duration"]) - float(streams["video"]["duration"])) < 1.2
    assert abs(frequency_hz(chunk) - 1000) < 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "The IP camera sends no sound."),
        (("--sound", "speex"), "The IP camera's sound is SPEEX, which cannot be used. Choose AAC or G.711"),
    ],
)
def test_an_ip_camera_without_sound_for_us_is_recorded_and_told(
    make_recorder: MakeRecorder, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    camera = IpCamera(tmp_path, *options)
    camera.start()
    try:
        recorder = make_recorder(**_of(camera))
        recorder.start()
        assert sound_state(recorder.connect(), "broken").startswith(words)
        assert "audio" not in media(recorded(recorder, 3))
    finally:
        camera.close()


def test_live_readers_get_sound_when_they_ask_for_it(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(**TEST)
    recorder.start()
    listener = recorder.connect()
    until(lambda: recorder.fragments() >= 1, "a fragment")
    assert listener.hello()["sound"] == ""  # the first one, before there was a picture
    assert "rate=48000" in listener.hello()["sound"]
    assert not [kind for kind, *_ in listener.messages(1) if kind == SOUND]
    listener.say(WANT, b'{"frames":false,"sound":true}')
    body = next(body for kind, *_, body in listener.messages() if kind == SOUND)
    assert len(body) % 2 == 0


def _of(camera: IpCamera) -> dict[str, Any]:
    return {"source": {"kind": "rtsp", "url": camera.url()}, "audio": {"kind": "source"}}
