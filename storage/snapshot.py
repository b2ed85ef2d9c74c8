"""Stills: the nearest keyframe of stored footage as a JPEG, decoded in a process of its own and kept on the disk."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from cameras.models import Camera
from storage.errors import Busy, NothingStored, StorageFailing
from storage.index import Entry, entries
from storage.models import Chunk
from storage.reading import open_chunk

DECODE_S = 5
WAIT_S = 10
CACHE_FILES = 2000
WIDTH = 640
# Fixed words only: nothing that a person or a camera said gets into them.
PIPELINE = (
    "gst-launch-1.0 -q fdsrc ! qtdemux ! h264parse ! avdec_h264 ! videoconvert ! videoscale ! {caps} "
    "! jpegenc snapshot=true ! fdsink"
)

_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Still:
    """A picture and its instant."""

    jpeg: bytes
    at_ms: int


def snapshot(camera: Camera, at_ms: int | None, since_ms: int | None, full: bool) -> Still:
    """The keyframe at or before an instant, None for the newest; raises NothingStored, Busy."""
    rows = Chunk.objects.stored().filter(camera=camera)
    if at_ms is not None:
        rows = rows.filter(started_ms__lte=at_ms)
    chunk = rows.order_by("-started_ms", "-pk").first()
    entry = _entry(chunk, at_ms) if chunk else None
    if chunk is None or entry is None:
        raise NothingStored()
    shown_ms = chunk.started_ms + entry.at_ms
    if since_ms is not None and shown_ms < since_ms:
        raise NothingStored()
    width = chunk.width if full else min(WIDTH, chunk.width)
    file = settings.UCAM_DATA / "cache" / "stills" / f"{chunk.pk}-{entry.offset}-{width}.jpg"
    with contextlib.suppress(FileNotFoundError):
        return Still(file.read_bytes(), shown_ms)
    height = max(2, round(chunk.height * width / chunk.width / 2) * 2)
    jpeg = decode(_keyframe_group(chunk, entry), width, height)
    _keep(file, jpeg)
    return Still(jpeg, shown_ms)


def decode(media: bytes, width: int, height: int) -> bytes:
    """The first picture of an MP4; one at a time in this process, within a few seconds."""
    if not _one_at_a_time.acquire(timeout=WAIT_S):
        raise Busy()
    try:
        command = PIPELINE.format(caps=f"video/x-raw,width={width:d},height={height:d}").split()
        done = subprocess.run(command, input=media, capture_output=True, timeout=DECODE_S, check=False)  # noqa: S603 - fixed words and two numbers
    except (subprocess.TimeoutExpired, OSError) as error:
        raise StorageFailing("The picture could not be decoded in time.") from error
    finally:
        _one_at_a_time.release()
    if not done.stdout.startswith(b"\xff\xd8"):
        raise StorageFailing("The picture could not be decoded.")
    return done.stdout


def _entry(chunk: Chunk, at_ms: int | None) -> Entry | None:
    """The last fragment that begins at or before an instant."""
    found = None
    for entry in entries(bytes(chunk.fragments)):
        if at_ms is not None and found and chunk.started_ms + entry.at_ms > at_ms:
            break
        found = entry
    return found


def _keyframe_group(chunk: Chunk, entry: Entry) -> bytes:
    """Init and the one fragment."""
    with contextlib.closing(open_chunk(chunk)) as reader:
        return reader.read_at(0, chunk.init_bytes) + reader.read_at(entry.offset, entry.length)


def _keep(file: Path, jpeg: bytes) -> None:
    """Into the cache, whole or not at all; a cache that cannot be written is no reason to show nothing."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as new:
            new.write(jpeg)
        os.replace(new.name, file)
        _prune(file.parent)
    except OSError:
        return


def forget(chunks: Collection[int]) -> None:
    """Pictures of footage (ids of chunks) that is deleted go with it."""
    folder = settings.UCAM_DATA / "cache" / "stills"
    gone = {str(number) for number in chunks}
    with contextlib.suppress(OSError):  # a cache that does not work is no reason to keep what must go
        for name in os.listdir(folder):
            if name.partition("-")[0] in gone:
                (folder / name).unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    """The oldest go when there are too many, a tenth at a time."""
    names = os.listdir(folder)
    if len(names) <= CACHE_FILES:
        return
    files = sorted((folder / name for name in names), key=lambda file: file.stat().st_mtime)
    for file in files[: CACHE_FILES // 10 + len(names) - CACHE_FILES]:
        file.unlink(missing_ok=True)
