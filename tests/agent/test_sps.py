"""Whether pictures are shown in the order they are decoded: told by what encoders really write."""

from __future__ import annotations

import subprocess

import pytest
from ucam_agent.sps import in_order

BASELINE = bytes.fromhex("000000016742c00cda0507ec05a830303528000003000800000300f478a15500000001")


def encoded(*options: str) -> bytes:
    """The first pictures of x264."""
    source = ["videotestsrc", "num-buffers=8", "!", "video/x-raw,width=320,height=240,framerate=10/1"]
    sink = ["!", "h264parse", "!", "video/x-h264,stream-format=byte-stream", "!", "fdsink"]
    argv = ["gst-launch-1.0", "-q", *source, "!", "x264enc", *options, *sink]
    return subprocess.run(argv, capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    ("profile", "b_frames", "expected"),
    [("baseline", 0, True), ("main", 0, True), ("high", 0, True), ("main", 2, False), ("high", 3, False)],
)
def test_what_x264_writes(profile: str, b_frames: int, expected: bool) -> None:
    options = (f"bframes={b_frames}", "b-adapt=false", "!", f"video/x-h264,profile={profile}")
    assert in_order(encoded(*options)) is expected


def test_what_cannot_be_read_is_not_taken_for_sure() -> None:
    assert in_order(BASELINE)
    for wrong in (b"", b"\0\0\1", b"\0\0\1\x67", b"\0\0\1\x67\x4d", b"\0\0\1\x67\x64" + bytes(40), b"\0\0\1\x65\x88"):
        assert not in_order(wrong)
