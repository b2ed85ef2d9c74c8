"""Sources in the settings: what is taken, what is refused, and that a password is shown to nobody."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from ucam_protocol import (
    AlsaAudio,
    AutoSource,
    LibcameraSource,
    MessageMalformed,
    NoAudio,
    RtspSource,
    Settings,
    SourceAudio,
    V4l2Source,
    decode_settings,
)

SECRET = "rtsp://viewer:s3cr%40t@192.168.1.9:554/stream1?token=s3cr"


def settings_with(**keys: Any) -> Settings:
    return decode_settings(json.dumps(keys))


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ({"kind": "auto"}, AutoSource()),
        ({"kind": "libcamera"}, LibcameraSource()),
        ({"kind": "libcamera", "index": 1}, LibcameraSource(index=1)),
        (
            {"kind": "libcamera", "camera": "/base/soc/i2c0mux/i2c@1/imx219@10"},
            LibcameraSource("/base/soc/i2c0mux/i2c@1/imx219@10"),
        ),
        (
            {"kind": "v4l2", "device": "usb-046d_HD_Pro_Webcam_C920_82F-video-index0"},
            V4l2Source("usb-046d_HD_Pro_Webcam_C920_82F-video-index0"),
        ),
        ({"kind": "rtsp", "url": "rtsps://cam.example/live"}, RtspSource("rtsps://cam.example/live")),
        ({"kind": "rtsp", "url": "rtsp://[fe80::1]:8554/"}, RtspSource("rtsp://[fe80::1]:8554/")),
    ],
)
def test_every_kind_of_source_is_read(source: dict[str, Any], meant: Any) -> None:
    assert settings_with(source=source).source == meant


@pytest.mark.parametrize(
    "source",
    [
        {"kind": "satellite"},
        {"kind": "v4l2", "device": "../video0"},
        {"kind": "v4l2", "device": "/dev/video0"},
        {"kind": "v4l2", "device": "cam\n"},
        {"kind": "libcamera", "camera": "a ! filesink location=b"},
        {"kind": "libcamera", "index": -1},
        {"kind": "file", "name": "street.mp4\n"},
    ],
)
def test_names_that_are_paths_or_pipelines_are_refused(source: dict[str, Any]) -> None:
    with pytest.raises(MessageMalformed, match="cannot be used"):
        settings_with(source=source)


@pytest.mark.parametrize(
    "url",
    [
        "http://viewer:s3cret@cam/",
        "file:///etc/passwd?s3cret",
        "rtsp:///s3cret",
        "rtsp://viewer:s3cret@",
        "rtsp://viewer:s3cret@cam:99999/",
        "rtsp://viewer:s3cret@cam:0/",
        "rtsp://viewer:s3cret@cam/\nOPTIONS",
        "rtsp://viewer:s3cret @cam/",
        "rtsp://viewer:s3cret@cam'; DROP/",
        "rtsp://viewer:12#s3cret@cam/",
        "rtsp://viewer:12/s3cret@cam/",
        "rtsp://viewer:s3cret@cam/\u202elive",
    ],
)
def test_url_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(MessageMalformed) as refused:
        settings_with(source={"kind": "rtsp", "url": url})
    assert "url of an IP camera" in refused.value.message
    assert "s3cret" not in refused.value.message


def test_user_and_password_are_read_from_the_url_and_kept_apart_from_it() -> None:
    source = RtspSource(SECRET)
    assert (source.user, source.password) == ("viewer", "s3cr@t")
    assert source.bare_url == "rtsp://192.168.1.9:554/stream1?token=s3cr"
    assert source.place == "rtsp://192.168.1.9:554"


def test_redacted_form_and_repr_hold_no_secret() -> None:
    settings = Settings(source=RtspSource(SECRET))
    for shown in (repr(settings), str(settings.source), msgspec.json.encode(settings.redacted).decode()):
        assert "s3cr" not in shown
        assert "viewer" not in shown
    assert RtspSource(SECRET).redacted.url == "rtsp://***@192.168.1.9:554/stream1?***"
    assert RtspSource("rtsp://cam/user=a_password=s3cr.sdp").redacted.url == "rtsp://cam/***"
    assert Settings().redacted == Settings()


def test_redacted_form_given_back_means_what_was_there_before() -> None:
    before = RtspSource(SECRET)
    assert before.redacted.completed(before) == before
    assert RtspSource("rtsp://cam/other").completed(before).url == "rtsp://cam/other"
    assert before.redacted.completed(AutoSource()) == before.redacted


def test_a_small_stream_has_the_same_secrets_and_the_same_care() -> None:
    source = RtspSource(SECRET, sub="rtsp://viewer:s3cret@192.168.1.9/small?token=s3cr")
    assert "s3cr" not in repr(source) + msgspec.json.encode(Settings(source=source).redacted).decode()
    assert source.redacted.sub == "rtsp://***@192.168.1.9/small?***"
    assert source.redacted.completed(source) == source
    with pytest.raises(MessageMalformed, match="url of an IP camera") as refused:
        settings_with(source={"kind": "rtsp", "url": SECRET, "sub": "http://viewer:s3cret@cam/"})
    assert "s3cr" not in refused.value.message


@pytest.mark.parametrize(
    ("sub", "opened"),
    [
        ("", None),
        ("rtsp://192.168.1.9/small", RtspSource("rtsp://viewer:s3cr%40t@192.168.1.9/small")),
        ("rtsp://ann:her@192.168.1.9/small", RtspSource("rtsp://ann:her@192.168.1.9/small")),
        (
            "rtsp://elsewhere.example/small",
            RtspSource("rtsp://elsewhere.example/small"),
        ),  # a password goes nowhere else
    ],
)
def test_a_small_stream_is_opened_with_what_opens_the_large_one(sub: str, opened: RtspSource | None) -> None:
    assert RtspSource(SECRET, sub=sub).small == opened


def test_what_is_recorded_does_not_depend_on_the_small_stream() -> None:
    one, other = (Settings(source=RtspSource(SECRET, sub=f"rtsp://cam/{path}")) for path in ("a", "b"))
    assert one != other
    assert one.recorded == other.recorded
    assert Settings().recorded == Settings()


@pytest.mark.parametrize(
    ("audio", "meant"),
    [
        ({"kind": "off"}, NoAudio()),
        ({"kind": "alsa"}, AlsaAudio()),
        ({"kind": "alsa", "device": "plughw:CARD=C920,DEV=0"}, AlsaAudio("plughw:CARD=C920,DEV=0")),
        ({"kind": "source"}, SourceAudio()),
    ],
)
def test_sound_is_off_unless_asked_for(audio: dict[str, Any], meant: Any) -> None:
    assert Settings().audio == NoAudio()
    assert settings_with(audio=audio).audio == meant


def test_sound_device_that_is_a_path_is_refused() -> None:
    with pytest.raises(MessageMalformed):
        settings_with(audio={"kind": "alsa", "device": "file:/etc/passwd"})
