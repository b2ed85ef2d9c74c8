"""Real footage for these tests, made once by GStreamer, and a device that ships it over HTTP."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import ucam_boxes
from rest_framework.test import APIClient

PIPELINE = (
    "videotestsrc num-buffers={frames} pattern=ball ! video/x-raw,width=320,height=240,framerate=10/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast bframes=0 key-int-max=10 "
    "! video/x-h264,profile=constrained-baseline ! h264parse "
    "! mp4mux fragment-duration=1000 streamable=true ! filesink location={path}"
)
BOOT = "0123456789abcdef0123456789abcdef"
TEN_O_CLOCK = (datetime.now(UTC) - timedelta(days=1)).replace(hour=10, minute=0, second=0, microsecond=0)
TEN_O_CLOCK_MS = int(TEN_O_CLOCK.timestamp() * 1000)
DAY = f"{TEN_O_CLOCK:%Y-%m-%d}"


@dataclass(frozen=True)
class Footage:
    """The bytes of a fragmented MP4: 1 s a fragment."""

    init: bytes
    fragments: tuple[bytes, ...]

    def chunk(self, first: int = 0, count: int | None = None) -> bytes:
        """A chunk of some of the fragments."""
        last = len(self.fragments) if count is None else first + count
        return self.init + b"".join(self.fragments[first:last])


def make_footage(path: Path, seconds: int, instead: tuple[str, str] = ("", "")) -> Footage:
    """Encode the test picture; `instead`: a piece of the pipeline and what stands there this time."""
    pipeline = PIPELINE.format(frames=seconds * 10, path=path)
    pipeline = pipeline.replace(*instead) if instead[0] else pipeline
    subprocess.run(["gst-launch-1.0", "-q", *pipeline.split()], check=True, timeout=60)
    content = path.read_bytes()
    init = ucam_boxes.read_init(content)
    with path.open("rb") as file:
        found = list(ucam_boxes.whole_fragments(file, init.size, init=init))
    pieces = tuple(content[one.offset : one.offset + one.size] for one in found)
    assert len(pieces) == seconds
    return Footage(content[: init.size], pieces)


@dataclass
class Device:
    """A camera as storage meets it."""

    api: APIClient

    def create(self, seq: int = 1, **more: Any) -> Any:
        """POST of a chunk's name."""
        length = more.pop("length", None)
        facts = {"boot": BOOT, "seq": seq, "run": 1, "started_ms": TEN_O_CLOCK_MS, "started_mono_ns": 10**9}
        facts |= {"clock": "synchronised"} | more
        pairs = ",".join(f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in facts.items())
        told: Any = {"HTTP_UPLOAD_LENGTH": str(length)} if length else {"HTTP_UPLOAD_DEFER_LENGTH": "1"}
        return self.api.post("/api/device/chunks/", HTTP_TUS_RESUMABLE="1.0.0", HTTP_UPLOAD_METADATA=pairs, **told)

    def patch(self, url: str, offset: int, body: bytes, length: int | None = None, **headers: Any) -> Any:
        """PATCH with the right checksum, unless `headers` say something else."""
        told: Any = {} if length is None else {"HTTP_UPLOAD_LENGTH": str(length)}
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        told |= {"HTTP_UPLOAD_CHECKSUM": f"sha256 {digest}", "HTTP_UPLOAD_OFFSET": str(offset)}
        kind = headers.pop("content_type", "application/offset+octet-stream")
        told |= {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": kind}  # the test client leaves them out for b""
        told |= {"HTTP_TUS_RESUMABLE": "1.0.0"} | headers
        return self.api.generic("PATCH", url, cast(Any, body), content_type=kind, **told)

    def head(self, url: str) -> Any:
        """HEAD of a chunk."""
        return self.api.head(url, HTTP_TUS_RESUMABLE="1.0.0")

    def ship(self, content: bytes, seq: int = 1, close: bool = True, **more: Any) -> str:
        """A whole chunk in one PATCH; its address."""
        created = self.create(seq, **more)
        assert created.status_code == 201, created.content
        done = self.patch(created["Location"], 0, content, len(content) if close else None)
        assert done.status_code == 204, done.content
        return str(created["Location"])
