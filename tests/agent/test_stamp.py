"""The stamp that programs read and the clock that people read."""

from __future__ import annotations

import pytest
from ucam_agent.stamp import Layout, draw_neutral, draw_stamp, read_stamp, text_rows


@pytest.mark.parametrize(("width", "height"), [(160, 120), (322, 240), (766, 576), (1280, 720)])
def test_what_is_drawn_can_be_read(width: int, height: int) -> None:
    layout = Layout.of(width, height)
    luma = bytearray(b"\x55" * (2 * layout.block * layout.stride))
    draw_stamp(luma, layout.stride, layout.block, 1_795_357_501_949, 0xABCDEF)
    assert read_stamp(luma, layout.stride, layout.block) == (1_795_357_501_949, 0xABCDEF)
    assert len(luma) == 2 * layout.block * layout.stride


@pytest.mark.parametrize(("width", "block"), [(1280, 16), (768, 16), (766, 14), (640, 12), (320, 6), (160, 2)])
def test_blocks_are_even_and_fit(width: int, block: int) -> None:
    assert Layout.of(width, 240).block == block


def test_layout_is_that_of_gstreamer() -> None:
    layout = Layout.of(322, 242)
    assert (layout.stride, layout.chroma_stride, layout.size) == (324, 164, 324 * 242 + 2 * 164 * 121)


def test_stamp_leaves_the_picture_beside_it_alone() -> None:
    luma = bytearray(b"\x55" * (32 * 1280))
    draw_stamp(luma, 1280, 16, 0, 0)
    assert luma[768:1280] == b"\x55" * 512
    assert luma[16 * 1280 + 384 : 17 * 1280] == b"\x55" * 896


def test_neutral_takes_the_colour_out_of_the_first_columns() -> None:
    chroma = bytearray(range(8)) * 2
    draw_neutral(chroma, 8, 3)
    assert chroma == (b"\x80\x80\x80" + bytes(range(3, 8))) * 2


def test_text_has_margins_and_the_shape_of_its_digits() -> None:
    rows = text_rows("1", 1)
    assert ["".join("#" if dot > 128 else "." for dot in row) for row in rows] == [
        ".......",
        "...#...",
        "..##...",
        "...#...",
        "...#...",
        "...#...",
        "...#...",
        "..###..",
        ".......",
    ]


def test_text_scales() -> None:
    rows = text_rows("2026-11-22 14:25:11 +0000", 4)
    assert (len(rows), {len(row) for row in rows}) == (36, {604})
