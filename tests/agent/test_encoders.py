"""The encoder of this board: which one, how it is set, what it refuses, and that every installed one works."""

from __future__ import annotations

import pytest
from ucam_agent import encoders, gst, pipeline
from ucam_agent.camera import Board
from ucam_agent.encoders import ORDER
from ucam_protocol import Settings

from .conftest import MakeRecorder

PI4, PI5 = "Raspberry Pi 4 Model B Rev 1.5", "Raspberry Pi 5 Model B Rev 1.0"
SOFTWARE = ("x264enc", "openh264enc")


def chosen(settings: Settings, installed: tuple[str, ...] = ORDER, model: str = PI4) -> encoders.Encoder:
    return encoders.choose(settings, installed, model)


def test_hardware_comes_before_software_and_openh264_last() -> None:
    assert chosen(Settings()).factory == "v4l2h264enc"
    assert chosen(Settings(), SOFTWARE).factory == "x264enc"
    assert chosen(Settings(), ("openh264enc",)).factory == "openh264enc"


@pytest.mark.parametrize(
    ("width", "height", "fps", "level"),
    [(640, 480, 30, "3"), (1280, 720, 30, "3.1"), (1280, 720, 60, "3.2"), (1920, 1080, 30, "4"), (1920, 1080, 60, "")],
)
def test_level_is_the_lowest_that_allows_size_and_rate(width: int, height: int, fps: int, level: str) -> None:
    assert encoders.level(Settings(width=width, height=height, fps=fps)) == level


def test_hardware_gets_its_level_by_caps_and_its_rates_by_controls() -> None:
    encoder, caps = chosen(Settings(bitrate_kbit=1500, keyframe_ms=2000)).elements(Settings(bitrate_kbit=1500))
    assert caps.properties["caps"] == (
        "video/x-h264,stream-format=byte-stream,alignment=au,profile=constrained-baseline,level=(string)3.1"
    )
    assert encoder.properties == {
        "extra-controls": "controls,repeat_sequence_header=1,video_bitrate=1500000,h264_i_frame_period=60"
    }


def test_hardware_never_makes_every_picture_a_keyframe_nor_less_than_its_bitrate() -> None:
    controls = chosen(Settings(fps=10, keyframe_ms=500)).properties(Settings(fps=9, keyframe_ms=500, bitrate_kbit=100))
    assert "video_bitrate=100000" in str(controls)
    tiny = Settings(fps=1, keyframe_ms=500)
    assert "h264_i_frame_period=2" in str(chosen(Settings()).properties(tiny))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(fps=8), "needs at least 9 frames a second, not 8"),
        (Settings(width=2560, height=1440), "does not take 2560 x 1440 at 30"),
        (Settings(width=1920, height=1080, fps=60), "Choose 1920 x 1080 at 30 or less"),
    ],
)
def test_what_hardware_cannot_do_is_done_in_software_and_said(settings: Settings, words: str) -> None:
    encoder = chosen(settings)
    assert encoder.factory == "x264enc"
    assert words in encoder.words
    assert "in software instead" in encoder.words


def test_software_on_a_pi_leaves_a_core_free_and_says_what_is_too_much() -> None:
    small, large = Settings(), Settings(width=1920, height=1080)
    assert chosen(small, SOFTWARE, PI5).properties(small)["threads"] == 3
    assert chosen(small, SOFTWARE, PI5).words == ""
    assert "Choose 1280 x 720 at 30 or 1920 x 1080 at 15" in chosen(large, SOFTWARE, PI5).words
    assert chosen(Settings(width=1920, height=1080, fps=15), SOFTWARE, PI5).words == ""
    assert "threads" not in chosen(large, SOFTWARE, "").properties(large)
    assert chosen(large, SOFTWARE, "").words == ""


def test_every_encoder_gives_constrained_baseline() -> None:
    assert all("profile=constrained-baseline" in chosen(Settings(), (name,)).caps for name in ORDER)


def test_what_can_change_while_running_is_a_property_of_the_encoder() -> None:
    changed = Settings(bitrate_kbit=500, keyframe_ms=4000)
    assert chosen(Settings(), ("x264enc",)).changes(changed) == {"bitrate": 500}
    assert chosen(Settings(), ("openh264enc",)).changes(changed) == {"max-bitrate": 750_000, "bitrate": 500_000}
    hardware = chosen(Settings())
    assert "video_bitrate=500000,h264_i_frame_period=120" in str(hardware.changes(changed)["extra-controls"])
    assert hardware.soft == {"bitrate_kbit", "keyframe_ms"}


def test_encoder_that_changes_its_keyframes_has_room_for_the_longest_group() -> None:
    settings = Settings(keyframe_ms=500)
    mux = pipeline.encoding(settings, encoder=chosen(settings)).element("mux")
    assert mux.properties["fragment-duration"] == 40_000
    assert pipeline.encoding(settings).element("mux").properties["fragment-duration"] == 15_000


@pytest.mark.parametrize("name", gst.installed(*ORDER))
def test_every_installed_encoder_fits_into_the_pipeline(name: str) -> None:
    settings = Settings(width=320, height=240)
    described = pipeline.encoding(settings, encoder=Board(encoders=(name,)).encoder(settings))
    built = gst.Pipeline(described, name)
    for property_, value in Board(encoders=(name,)).encoder(settings).changes(settings).items():
        built.set("encoder", property_, value)
    built.close()


def test_openh264_records_and_changes_its_bitrate_without_a_new_run(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(module="tests.agent.openh264_recorder")
    recorder.start()
    listener = recorder.connect()
    assert listener.event("state", part="encoder")["words"] == "openh264enc encodes."
    listener.event("fragment")
    listener.send_settings(bitrate_kbit=150)
    listener.event("state", part="recorder", state="ok")
    listener.event("fragment")
    recorder.end()
    (sidecar,) = recorder.sidecars()
    assert sidecar["codec"].startswith("avc1.42")
