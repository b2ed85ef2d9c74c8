"""Sound on the timeline of the pictures, its boxes, and how pipelines for it are described: no GStreamer in here."""

from __future__ import annotations

import pytest
from ucam_agent import sound_sources
from ucam_agent.sound_boxes import SoundFormat, first_shown_after, fragment_with_sound, init_with_sound
from ucam_agent.sound_track import SoundTrack
from ucam_boxes import read_fragment, read_init, whole_boxes

FRAME_NS = 1024 * 1_000_000_000 // 48_000
START_NS = 5_000_000_000


def hears(track: SoundTrack, first: int, count: int, shift_ns: int = 0) -> None:
    for number in range(first, first + count):
        track.heard(START_NS + number * FRAME_NS + 1 + shift_ns, b"%d" % number)


def begun() -> SoundTrack:
    track = SoundTrack(SoundFormat())
    track.start(START_NS, 0)
    return track


def test_frames_come_out_with_the_pictures_of_their_time() -> None:
    track = begun()
    hears(track, 0, 200)
    begin, frames = track.take(2.0)
    assert (begin, len(frames)) == (0, 94)
    begin, frames = track.take(4.0)
    assert (begin, frames[0]) == (94 * 1024, b"94")


def test_what_was_heard_before_the_first_picture_is_left_out() -> None:
    track = SoundTrack(SoundFormat())
    hears(track, -50, 100)
    track.start(START_NS, 0)
    assert track.take(0.5)[1][0] == b"0"


def test_sound_that_comes_late_waits_for_the_next_fragment() -> None:
    track = begun()
    hears(track, 0, 80)
    assert len(track.take(2.0)[1]) == 80
    hears(track, 80, 100)
    begin, frames = track.take(4.0)
    assert (begin, frames[0]) == (80 * 1024, b"80")
    assert track.silent_frames == 0


def test_what_is_missing_becomes_silence_of_the_same_length() -> None:
    track = begun()
    hears(track, 0, 10)
    hears(track, 60, 40)
    _, frames = track.take(2.0)
    assert frames[:10] == [b"%d" % number for number in range(10)]
    assert frames[60:94] == [b"%d" % number for number in range(60, 94)]
    assert frames[10:60].count(SoundFormat().silence) == 50


def test_without_any_sound_there_is_silence_up_to_half_a_second_before_now() -> None:
    track = begun()
    assert len(track.take(2.0)[1]) == 71
    begin, frames = track.take(4.0)
    assert (begin, len(frames)) == (71 * 1024, 94)


@pytest.mark.parametrize("per_mille", [-3, 3])
def test_a_clock_that_is_off_is_followed(per_mille: int) -> None:
    track = begun()
    for number in range(3000):
        track.heard(START_NS + number * FRAME_NS * (1000 + per_mille) // 1000, b"%d" % number)
    begin, frames = 0, list[bytes]()
    for second in range(2, 60, 2):
        begin, frames = track.take(float(second))
    place_ns = begin * 1_000_000_000 // 48_000
    heard_ns = int(frames[0]) * FRAME_NS * (1000 + per_mille) // 1000
    assert abs(place_ns - heard_ns) < 70_000_000


def test_a_fragment_with_sound_is_one_moof_that_reads_as_before(muxed: bytes) -> None:
    boxes = list(whole_boxes(muxed))
    moov = next(end for kind, _, end in boxes if kind == b"moov")
    before = read_fragment(muxed, moov, init=read_init(muxed))
    init, track = init_with_sound(muxed[:moov], SoundFormat())
    fragment = muxed[before.offset : before.offset + before.size]
    whole = fragment_with_sound(fragment, track, 480, [b"one", b"three"])
    after = read_fragment(whole, init=read_init(init))
    assert (after.tfdt, after.duration, after.frames) == (before.tfdt, before.duration, before.frames)
    assert after.size == len(whole)
    assert whole.endswith(b"onethree")
    assert read_init(init).codec == read_init(muxed).codec


def test_pictures_without_b_frames_are_shown_when_they_are_decoded(muxed: bytes) -> None:
    moof = next(start for kind, start, _ in whole_boxes(muxed) if kind == b"moof")
    assert first_shown_after(muxed[moof:]) == 0


@pytest.mark.parametrize(
    ("config", "format"),
    [
        ("1188", SoundFormat(48_000, 1)),
        ("1210", SoundFormat(44_100, 2)),
        ("1390", SoundFormat(22_050, 2)),
        ("2b11", None),  # HE-AAC
        ("11b0", None),  # 5.1
        ("", None),
    ],
)
def test_only_plain_aac_is_recorded_as_it_comes(config: str, format: SoundFormat | None) -> None:
    assert SoundFormat.of(bytes.fromhex(config)) == format
    if format:
        assert format.config.hex() == config


def test_what_a_camera_sends_is_encoded_unless_it_is_plain_aac() -> None:
    plain = sound_sources.rtp("config=(string)1210", "MPEG4-GENERIC", "voaacenc")
    assert "voaacenc" not in plain.description.factories
    for caps, name in (("config=(string)2b11", "MPEG4-GENERIC"), ("", "PCMU"), ("", "OPUS")):
        assert "voaacenc" in sound_sources.rtp(caps, name, "voaacenc").description.factories


def test_a_microphones_name_is_a_property_and_never_part_of_a_pipelines_text() -> None:
    source = sound_sources.alsa("hw:CARD=Device", "voaacenc").description.element("source")
    assert source.properties["device"] == "hw:CARD=Device"


def test_nobody_listens_at_first() -> None:
    for source in (sound_sources.alsa("", "avenc_aac"), sound_sources.pcm("voaacenc")):
        assert source.description.element("listeners").properties["drop"] is True
