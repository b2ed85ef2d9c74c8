"""What doctor says of camera and encoder."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from ucam_agent.camera import MEDIA, Board
from ucam_agent.config import Config, State
from ucam_agent.discovery import Found, Microphone, UsbCamera
from ucam_agent.doctor_camera import SOUND, camera_words, encoder_words, sound_words
from ucam_agent.sources import Mode

FOUND = Found(v4l2=(UsbCamera("cam", "C920", (Mode("mjpeg", 1280, 720, 30),)),), microphones=(Microphone("a", "b"),))


def config_with(folder: Path, **settings: Any) -> Config:
    (folder / "settings.json").write_text(json.dumps(settings))
    return Config(State(folder))


def test_camera_that_is_there_is_named(tmp_path: Path) -> None:
    works, words = camera_words(config_with(tmp_path, source={"kind": "auto"}), Board(discover=lambda: FOUND))
    assert works
    assert "Cameras found: C920 (cam). Microphones: a." in words


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"kind": "auto"}, "The settings ask for the camera that is there."),
        ({"kind": "v4l2"}, "The settings ask for the USB camera that is found first."),
        ({"kind": "v4l2", "device": "cam"}, "The settings ask for the USB camera cam."),
        ({"kind": "test"}, "The settings ask for a test picture, not for a camera."),
        ({"kind": "file"}, "The settings ask for the footage street.mp4, not for a camera."),
    ],
)
def test_what_the_settings_ask_for_is_said_as_people_say_it(tmp_path: Path, source: dict[str, str], said: str) -> None:
    board = Board(discover=lambda: FOUND, media=(MEDIA,))
    works, words = camera_words(config_with(tmp_path, source=source, width=1280, height=720), board)
    assert (works, words.partition(" On the device")[0]) == (True, said)


def test_camera_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    works, words = camera_words(config_with(tmp_path, source={"kind": "auto"}), Board(discover=Found))
    assert (works, words) == (False, "No camera was found. Plug one in, or check its cable.")


def test_size_that_the_camera_lacks_is_told(tmp_path: Path) -> None:
    config = config_with(tmp_path, source={"kind": "v4l2"}, width=640, height=480)
    works, words = camera_words(config, Board(discover=lambda: FOUND))
    assert not works
    assert "does not give 640 x 480. Choose one of 1280 x 720" in words


def test_password_of_an_ip_camera_is_not_printed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        place = f"127.0.0.1:{there.getsockname()[1]}"
        source = {"kind": "rtsp", "url": f"rtsp://viewer:s3cret@{place}/", "sub": f"rtsp://viewer:s3cret@{place}/small"}
        works, words = camera_words(config_with(tmp_path, source=source), Board(discover=Found))
    assert works
    assert f"the IP camera at rtsp://***@{place}/, with its small stream at rtsp://***@{place}/small." in words
    assert "s3cret" not in words


def test_an_ip_camera_that_takes_no_connection_is_named_without_its_password(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.create_server(("127.0.0.1", 0)) as gone:
        open_, closed = (f"127.0.0.1:{one.getsockname()[1]}" for one in (there, gone))
        gone.close()
        for url, sub in ((f"rtsp://a:s3cret@{closed}/", ""), (f"rtsp://a:s3cret@{open_}/", f"rtsp://{closed}/small")):
            config = config_with(tmp_path, source={"kind": "rtsp", "url": url, "sub": sub})
            works, words = camera_words(config, Board(discover=Found))
            told = f"The IP camera at rtsp://{closed} cannot be reached. Check its address, power and network."
            assert (works, words) == (False, told)


def test_settings_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    works, words = camera_words(config_with(tmp_path, width=7), Board(discover=Found))
    assert not works
    assert "settings.json cannot be used" in words


def test_encoder_of_the_board_is_named(tmp_path: Path) -> None:
    config = config_with(tmp_path, fps=5)
    assert encoder_words(config, Board()) == (True, "x264enc encodes.")
    works, words = encoder_words(config, Board(encoders=("v4l2h264enc", "x264enc")))
    assert not works
    assert "needs at least 9 frames a second, not 5" in words
    assert "No H.264 encoder" in encoder_words(config, Board(encoders=()))[1]


MICROPHONES = Found(microphones=(Microphone("plughw:CARD=C920,DEV=0", "C920"),))


def test_sound_that_is_switched_off_is_well_whatever_there_is(tmp_path: Path) -> None:
    works, words = sound_words(config_with(tmp_path), Found(), SOUND)
    assert (works, words) == (
        True, "Sound is switched off. It can be recorded (voaacenc) and heard (opusenc).",
    )  # fmt: skip
    works, words = sound_words(config_with(tmp_path), Found(), ())
    assert works
    assert "sudo apt install gstreamer1.0-alsa gstreamer1.0-plugins-bad gstreamer1.0-plugins-base" in words


@pytest.mark.parametrize("device", ["", "default", "plughw:CARD=C920,DEV=0", "hw:CARD=C920"])
def test_a_microphone_that_is_there_is_named(tmp_path: Path, device: str) -> None:
    config = config_with(tmp_path, audio={"kind": "alsa", "device": device})
    works, words = sound_words(config, MICROPHONES, SOUND)
    assert works
    assert words.startswith(f"The microphone {device or 'default'} is switched on. It can be recorded (voaacenc)")


@pytest.mark.parametrize(
    ("device", "found", "told"),
    [
        ("", Found(), "No microphone was found."),
        ("hw:CARD=Other", MICROPHONES, "There are: plughw:CARD=C920,DEV=0."),
    ],
)
def test_a_microphone_that_is_not_there_is_asked_for(tmp_path: Path, device: str, found: Found, told: str) -> None:
    works, words = sound_words(config_with(tmp_path, audio={"kind": "alsa", "device": device}), found, SOUND)
    assert not works
    assert f"and not there. {told} Check its plug" in words


@pytest.mark.parametrize(
    ("missing", "package"), [("opusenc", "gstreamer1.0-plugins-base"), ("alsasrc", "gstreamer1.0-alsa")]
)
def test_what_sound_needs_is_named_with_its_package(tmp_path: Path, missing: str, package: str) -> None:
    installed = tuple(name for name in SOUND if name != missing)
    works, words = sound_words(config_with(tmp_path, audio={"kind": "alsa"}), MICROPHONES, installed)
    assert (works, words) == (
        False, f"Sound is switched on. {missing} cannot be found: sudo apt install {package}",
    )  # fmt: skip


def test_one_of_two_encoders_of_sound_is_enough(tmp_path: Path) -> None:
    installed = tuple(name for name in SOUND if name != "voaacenc")
    works, words = sound_words(config_with(tmp_path, audio={"kind": "source"}), Found(), installed)
    assert works
    assert "It can be recorded (avenc_aac) and heard (opusenc)." in words
