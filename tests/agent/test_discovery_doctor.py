"""What doctor says of camera and encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ucam_agent.camera import Board
from ucam_agent.config import Config, State
from ucam_agent.discovery import Found, Microphone, UsbCamera
from ucam_agent.doctor_camera import camera_words, encoder_words
from ucam_agent.sources import Mode

FOUND = Found(v4l2=(UsbCamera("cam", "C920", (Mode("mjpeg", 1280, 720, 30),)),), microphones=(Microphone("a", "b"),))


def config_with(folder: Path, **settings: Any) -> Config:
    (folder / "settings.json").write_text(json.dumps(settings))
    return Config(State(folder))


def test_camera_that_is_there_is_named(tmp_path: Path) -> None:
    works, words = camera_words(config_with(tmp_path, source={"kind": "auto"}), Board(discover=lambda: FOUND))
    assert works
    assert "Cameras found: C920 (cam). Microphones: a." in words


def test_camera_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    works, words = camera_words(config_with(tmp_path, source={"kind": "auto"}), Board(discover=Found))
    assert (works, words) == (False, "No camera was found. Plug one in, or check its cable.")


def test_size_that_the_camera_lacks_is_told(tmp_path: Path) -> None:
    config = config_with(tmp_path, source={"kind": "v4l2"}, width=640, height=480)
    works, words = camera_words(config, Board(discover=lambda: FOUND))
    assert not works
    assert "does not give 640 x 480. Choose one of 1280 x 720" in words


def test_password_of_an_ip_camera_is_not_printed(tmp_path: Path) -> None:
    config = config_with(tmp_path, source={"kind": "rtsp", "url": "rtsp://viewer:s3cret@cam/"})
    works, words = camera_words(config, Board(discover=Found))
    assert works
    assert "rtsp://***@cam/" in words
    assert "s3cret" not in words


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
