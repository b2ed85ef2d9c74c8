"""Footage as cameras record it, made once for a bench."""

from __future__ import annotations

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
    subprocess.run(["gst-launch-1.0", "-q", *pipeline.split()], check=True, timeout=300)
    return path
