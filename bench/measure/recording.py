"""Footage as cameras record it, made once for a bench."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import ucam_boxes


def recorded(path: Path, seconds: int, kbit: int, *, width: int = 1280, height: int = 720, fps: int = 30) -> Path:
    """A fragmented MP4 with a keyframe every two seconds."""
    pipeline = (
        f"videotestsrc num-buffers={seconds * fps} pattern=snow "
        f"! video/x-raw,width={width},height={height},framerate={fps}/1 "
        f"! x264enc tune=zerolatency speed-preset=ultrafast bframes=0 key-int-max={2 * fps} bitrate={kbit} "
        "! video/x-h264,profile=constrained-baseline ! h264parse "
        f"! mp4mux fragment-duration=8000 streamable=true ! filesink location={path}"
    )
    subprocess.run(["gst-launch-1.0", "-q", *pipeline.split()], check=True, timeout=900)
    last = _fragments(path)[-1]
    os.truncate(path, last.offset + last.size)  # a camera's chunk has no index of fragments (mfra) behind them
    return path


def later(content: bytes, ticks: int) -> bytes:
    """The same chunk with its media times so much later, as a camera's next one has them."""
    moved = bytearray(content)
    for kind, begin, end in ucam_boxes.whole_boxes(content):
        if kind == b"moof":
            at = content.index(b"tfdt", begin, end) + 4  # version and flags, then the time
            form = ">Q" if content[at] else ">I"
            struct.pack_into(form, moved, at + 4, struct.unpack_from(form, content, at + 4)[0] + ticks)
    return bytes(moved)


def repeated(path: Path, times: int) -> Path:
    """Make a chunk so many times as long, its media times running on: encoding that much would take minutes."""
    content = path.read_bytes()
    init, found = ucam_boxes.read_init(content), _fragments(path)
    ticks = found[-1].tfdt + found[-1].duration - found[0].tfdt
    with path.open("ab") as file:
        for number in range(1, times):
            file.write(later(content, number * ticks)[init.size :])
    return path


def _fragments(path: Path) -> list[ucam_boxes.Fragment]:
    init = ucam_boxes.read_init(path.read_bytes())
    with path.open("rb") as file:
        return list(ucam_boxes.whole_fragments(file, init.size, init=init))
