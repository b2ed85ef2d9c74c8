"""The box reader: reads what mp4mux writes, refuses everything else with a typed error, whatever the bytes."""

from __future__ import annotations

import contextlib
import random
import struct
from pathlib import Path

import pytest
from ucam_boxes import (
    BoxesError,
    BoxesMalformed,
    BoxesTruncated,
    read_fragment,
    read_init,
    whole_boxes,
    whole_fragments,
)


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def swapped(data: bytes, kind: bytes, content: bytes, skip: int = 0) -> bytes:
    """`data` with the bytes `skip` behind the name of its first `kind` box replaced."""
    at = data.index(kind) + 4 + skip
    return data[:at] + content + data[at + len(content) :]


def test_init_tells_codec_size_and_timescale(muxed: bytes) -> None:
    init = read_init(muxed)
    assert (init.width, init.height, init.video_track) == (320, 240, 1)
    assert init.codec.startswith("avc1.42C0")
    assert muxed[init.size + 4 : init.size + 8] == b"moof"
    assert read_init(muxed[: init.size]) == init


def test_fragments_follow_each_other_and_tell_their_frames(muxed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "chunk.mp4"
    path.write_bytes(muxed)
    init = read_init(muxed)
    with open(path, "rb") as file:
        found = list(whole_fragments(file, init.size, init=init))
    assert [(one.frames, one.duration / init.timescale, one.tfdt / init.timescale) for one in found] == [
        (20, 2.0, 0.0),
        (20, 2.0, 2.0),
        (20, 2.0, 4.0),
    ]
    assert all(one.keyframe_first for one in found)
    assert [read_fragment(muxed, one.offset, init=init) for one in found] == found
    assert muxed[found[-1].offset + found[-1].size :][4:8] == b"mfra"


def test_sound_belongs_to_the_fragment_before_it(muxed_with_sound: bytes) -> None:
    init = read_init(muxed_with_sound)
    video = next(start for kind, start, _ in whole_boxes(muxed_with_sound) if kind == b"moof" and _begins(start, init))
    fragment = read_fragment(muxed_with_sound, video, init=init)
    pairs = [
        kind for kind, start, _ in whole_boxes(muxed_with_sound[fragment.offset : fragment.offset + fragment.size])
    ]
    assert pairs == [b"moof", b"mdat", b"moof", b"mdat"]
    assert fragment.frames == 20


def _begins(start: int, init: object) -> bool:
    # mp4mux writes the sound of the beginning first when it is not paced; the second moof is the first with video.
    return start > init.size  # type: ignore[attr-defined]


def test_fragment_of_sound_alone_is_refused(muxed_with_sound: bytes) -> None:
    init = read_init(muxed_with_sound)
    with pytest.raises(BoxesMalformed, match="begin with video"):
        read_fragment(muxed_with_sound, init.size, init=init)


def test_cut_anywhere_it_is_truncated_and_never_whole(muxed: bytes) -> None:
    init = read_init(muxed)
    fragment = read_fragment(muxed, init.size, init=init)
    for end in [*range(0, init.size, 7), init.size - 1]:
        with pytest.raises(BoxesTruncated):
            read_init(muxed[:end])
    for end in range(init.size, init.size + fragment.size, 211):
        with pytest.raises(BoxesTruncated):
            read_fragment(muxed[:end], init.size, init=init)


def test_torn_tail_is_left_out(muxed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "chunk.mp4"
    init = read_init(muxed)
    first = read_fragment(muxed, init.size, init=init)
    for more in (0, 1, 8, 100, 2000):
        path.write_bytes(muxed[: first.offset + first.size + more])
        with open(path, "rb") as file:
            assert list(whole_fragments(file, init.size, init=init)) == [first]


@pytest.mark.parametrize(
    "bytes_",
    [
        box(b"ftyp") + box(b"mdat", b"x" * 20),
        b"<html><body>hello</body></html>" * 10,
        struct.pack(">I4s", 0, b"ftyp") + b"x" * 100,
        struct.pack(">I4s", 4, b"ftyp") + b"x" * 100,
        struct.pack(">I4sQ", 1, b"ftyp", 15) + b"x" * 100,
        box(b"ftyp") + box(b"moov"),
        box(b"ftyp") + box(b"moov", b"abc"),
        box(b"ftyp") + box(b"moov", struct.pack(">I4s", 2**31, b"trak")),
        box(b"ftyp") + box(b"moov", box(b"trak") * 9),
        box(b"ftyp") + box(b"moov", box(b"trak", box(b"trak", box(b"trak")))),
    ],
)
def test_what_is_no_init_is_malformed(bytes_: bytes) -> None:
    with pytest.raises(BoxesMalformed):
        read_init(bytes_)


def test_init_larger_than_sound_is_refused_before_it_is_read() -> None:
    with pytest.raises(BoxesMalformed, match="more than"):
        read_init(box(b"ftyp") + struct.pack(">I4s", 2**31, b"moov") + b"x" * 100)


def test_endless_free_boxes_are_refused() -> None:
    with pytest.raises(BoxesMalformed):
        read_init(box(b"ftyp") + box(b"free") * 40_000)


def test_impossible_counts_are_refused(muxed: bytes) -> None:
    init = read_init(muxed)
    whole = muxed[init.size :]
    for count in (2**32 - 1, 100_000, 21):
        with pytest.raises(BoxesMalformed):
            read_fragment(swapped(whole, b"trun", struct.pack(">I", count), 4), init=init)
    with pytest.raises(BoxesMalformed, match="without any sample"):
        read_fragment(swapped(whole, b"trun", struct.pack(">I", 0), 4), init=init)


def test_samples_larger_than_their_mdat_are_refused(muxed: bytes) -> None:
    init = read_init(muxed)
    whole = muxed[init.size :]
    flags = int.from_bytes(whole[whole.index(b"trun") + 5 :][:3], "big")
    first_size = 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0) + (4 if flags & 0x100 else 0)
    with pytest.raises(BoxesMalformed, match="larger than its mdat"):
        read_fragment(swapped(whole, b"trun", b"\x7f", first_size), init=init)


def test_fragment_larger_than_any_of_ours_is_refused(muxed: bytes) -> None:
    init = read_init(muxed)
    whole = muxed[init.size :]
    at = whole.index(b"mdat") - 4
    with pytest.raises(BoxesMalformed, match="more than"):
        read_fragment(whole[:at] + struct.pack(">I", 2**31) + whole[at + 4 :], init=init)


def test_random_damage_gives_an_answer_or_a_typed_error(muxed: bytes) -> None:
    chance = random.Random(1)
    init = read_init(muxed)
    fragment = read_fragment(muxed, init.size, init=init)
    head = muxed[: init.size + 600]
    for _ in range(4000):
        damaged = bytearray(head)
        for _ in range(chance.randint(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        data = bytes(damaged) + muxed[len(head) : fragment.offset + fragment.size]
        for read in (read_init, lambda whole: read_fragment(whole, init.size)):
            with contextlib.suppress(BoxesError):
                read(data)
