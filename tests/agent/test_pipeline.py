"""Pipelines as descriptions: what is in them, and that foreign text stays text."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from ucam_agent import camera, gst, pipeline
from ucam_agent.camera import Board, SourceUnknown
from ucam_agent.errors import GstMissing
from ucam_agent.pipeline import Description, Element
from ucam_protocol import FileSource, Settings, TestSource


def test_one_encoder_has_two_readers_and_the_recording_one_never_leaks() -> None:
    described = pipeline.encoding(Settings())
    assert [one.factory for one in described.elements].count("x264enc") == 1
    assert [link.sink for link in described.links if link.source == "tee"] == ["frames", "straight"]
    assert "leaky" not in described.element("straight").properties


def test_encoder_follows_the_settings() -> None:
    encoder = pipeline.encoding(Settings(fps=25, keyframe_ms=2000, bitrate_kbit=1500)).element("encoder").properties
    assert (encoder["key-int-max"], encoder["bitrate"], encoder["bframes"]) == (50, 1500, 0)
    assert (encoder["tune"], encoder["speed-preset"]) == ("zerolatency", "ultrafast")


@pytest.mark.parametrize(("fps", "ms", "frames"), [(1, 500, 1), (10, 500, 5), (30, 10_000, 300)])
def test_keyframe_distance_is_a_whole_number_of_frames(fps: int, ms: int, frames: int) -> None:
    assert pipeline.keyframe_frames(Settings(fps=fps, keyframe_ms=ms)) == frames


def test_name_of_a_file_stays_a_name(tmp_path: Path) -> None:
    odd = tmp_path / 'a ! filesink location="b".mp4'
    described = pipeline.file_footage(Settings(), odd)
    assert described.element("file").properties == {"location": str(odd)}
    built = gst.Pipeline(described, "odd")
    assert built._element("file").get_property("location") == str(odd)
    built.close()


def test_footage_is_looked_for_in_the_devices_folder_first(tmp_path: Path) -> None:
    (tmp_path / "street.mp4").touch()
    settings = Settings(source=FileSource())
    own = camera.footage(settings, Board((tmp_path, camera.MEDIA))).element("file")
    assert own.properties["location"] == str(tmp_path / "street.mp4")
    assert camera.footage(settings, Board()).element("file").properties["location"] == str(camera.MEDIA / "street.mp4")


def test_footage_that_is_not_there_is_named() -> None:
    with pytest.raises(SourceUnknown, match=r"no footage none\.mp4 in .*Put the file there"):
        camera.footage(Settings(source=FileSource(name="none.mp4")), Board())


def test_every_kind_of_source_can_be_built() -> None:
    for source in (FileSource(), TestSource(), TestSource(pattern="smpte"), TestSource(pattern="snow")):
        gst.Pipeline(camera.footage(Settings(source=source), Board()), "footage").close()


def test_missing_element_is_told_with_its_package() -> None:
    with pytest.raises(GstMissing, match=r"nosuchelement \(sudo apt install gstreamer1.0-plugins-base\)"):
        gst.Pipeline(Description((Element("nosuchelement", "a"),), ()), "missing")
    assert gst.missing(pipeline.encoding(Settings())) == []


def made_and_closed(gone: list[str]) -> None:
    """A pipeline whose callbacks hold it, as those of a capture do."""
    running = gst.Pipeline(pipeline.encoding(Settings()), "gone")
    running.on_sample("frames", lambda _sample: running.set("frames", "sync", False))
    running.on_eos("frames", lambda: running.end("source"))
    running.on_end(lambda _fault: running.close(), running.close)
    for name in ("encoder", "frames"):
        running._element(name).weak_ref(lambda name=name: gone.append(name))
    running.close()


def test_a_pipeline_that_was_closed_is_gone_with_all_its_elements() -> None:
    """One is made anew whenever a camera comes back: what stayed of each would add up to megabytes."""
    gone: list[str] = []
    made_and_closed(gone)
    gc.collect()
    assert sorted(gone) == ["encoder", "frames"]
