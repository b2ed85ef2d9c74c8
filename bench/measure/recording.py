"""Footage as cameras record it, made once for a bench."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path


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
    return path


def later(content: bytes, ticks: int) -> bytes:
    """The same chunk with its media times so much later, as a camera's next one has them."""
    moved, begin = bytearray(content), 0
    while begin < len(content):
        size, kind = struct.unpack_from(">I4s", content, begin)
        if kind == b"moof":
            at = content.index(b"tfdt", begin, begin + size) + 4  # version and flags, then the time
            form = ">Q" if content[at] else ">I"
            struct.pack_into(form, moved, at + 4, struct.unpack_from(form, content, at + 4)[0] + ticks)
        begin += size
    return bytes(moved)
