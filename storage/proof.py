"""A row of the ledger against the bytes of its file, and the row from the file alone."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from cameras.models import Camera
from storage.errors import NotFragmentedMp4
from storage.growth import Growth, grow
from storage.index import entries
from storage.models import Chunk, Gap
from storage.volume import Volume, disk_errors

NAME = re.compile(
    r"\d+/(?P<camera>\d+)/\d{4}-\d\d-\d\d/(?P<boot>[0-9a-f]{32})-(?P<seq>\d{8,13})"
    r"_(?P<run>\d+)_(?P<started_ms>-?\d+)_(?P<told_ms>-?\d+)_(?P<started_mono_ns>\d+)_(?P<clock>[su])\.mp4"
)
DAMAGED = ".damaged"
READ = (
    "init_bytes",
    "timescale",
    "codec",
    "width",
    "height",
    "first_tfdt",
    "fragments",
    "frames",
    "ended_ms",
    "missing_ms",
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `mended`: not any more."""

    code: str
    subject: str
    words: str
    mended: bool = False


def content(volume: Volume, descriptor: int, chunk: Chunk, repair: bool) -> Iterator[Problem]:
    """What of the row is not so in the open file, which nobody else has."""
    size = os.fstat(descriptor).st_size
    if size > chunk.bytes and chunk.state == Chunk.State.CLOSED:
        if repair:
            os.ftruncate(descriptor, chunk.bytes)
            os.fsync(descriptor)
        yield Problem("file_too_long", chunk.path, f"{size} bytes, {chunk.bytes} were confirmed.", repair)
    found = read(descriptor, chunk.started_ms, min(size, chunk.bytes))
    short = size < chunk.bytes
    differs = found is None or any(_plain(getattr(found, name)) != _plain(getattr(chunk, name)) for name in READ)
    if short or differs:
        if repair:
            yield from _keep_unreadable(volume, descriptor, chunk, found.whole_bytes if found else 0)
            os.ftruncate(descriptor, _rewrite(chunk, found))
            os.fsync(descriptor)
        code = "file_too_short" if short else "index_wrong"
        words = f"{size} bytes, {chunk.bytes} were confirmed." if short else "The index is not what the file holds."
        yield Problem(code, chunk.path, words, repair)


def _keep_unreadable(volume: Volume, descriptor: int, chunk: Chunk, start: int) -> Iterator[Problem]:
    """Footage that was whole once and cannot be read any more goes beside its file: a person may still rescue some."""
    size = os.fstat(descriptor).st_size
    index = entries(bytes(chunk.fragments))
    if not any(one.offset >= start and one.offset + one.length <= size for one in index):
        return
    name = f"{chunk.path}{DAMAGED}"
    volume.create(name)
    with volume.locked(name) as copy:
        os.ftruncate(copy, 0)
        at = start
        while at < size and (count := os.sendfile(copy, descriptor, at, size - at)):
            at += count
        os.fsync(copy)
    yield damaged(name)


def damaged(path: str) -> Problem:
    """Told until somebody has looked at it."""
    return Problem("file_damaged", path, "Footage that cannot be read any more. Rescue what you can, then delete it.")


def read(descriptor: int, started_ms: int, size: int) -> Growth | None:
    """The whole fragments of the first `size` bytes of a file; None when it is no footage."""
    try:
        return grow(descriptor, Chunk(started_ms=started_ms, ended_ms=started_ms), size, torn=True)
    except NotFragmentedMp4:
        return None


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


@transaction.atomic
def _rewrite(chunk: Chunk, found: Growth | None) -> int:
    """The row after its file, and a gap for what the row held beyond; how many bytes of the file count."""
    found = found or Growth(
        **{name: getattr(Chunk(), name) for name in Growth.__slots__} | {"ended_ms": chunk.started_ms}
    )
    values = {name: getattr(found, name) for name in Growth.__slots__} | {"bytes": found.whole_bytes}
    if chunk.state == Chunk.State.CLOSED:
        values["length"] = values["bytes"]
    Chunk.objects.filter(pk=chunk.pk).update(**values)
    if chunk.ended_ms > found.ended_ms:
        id_ = hashlib.sha256(f"{chunk} {found.whole_bytes}".encode()).hexdigest()[:32]
        _lose(chunk, f"storage:{id_}", found.ended_ms, "The file on storage was damaged or too short.")
    return found.whole_bytes


@transaction.atomic
def forget(chunk: Chunk) -> None:
    """A row whose file is gone becomes a gap that says so."""
    if Chunk.objects.filter(pk=chunk.pk).delete()[0] and chunk.ended_ms > chunk.started_ms:
        _lose(chunk, f"storage:{chunk}", chunk.started_ms, "The file was missing on storage.")


def _lose(chunk: Chunk, gap_id: str, from_ms: int, detail: str) -> None:
    """A gap from there to the end of a chunk; the same id makes one gap. `disk` would say that the camera's failed."""
    facts = {"boot": chunk.boot, "cause": "storage", "from_ms": from_ms, "to_ms": chunk.ended_ms, "detail": detail}
    Gap.objects.get_or_create(camera_id=chunk.camera_id, gap_id=gap_id, defaults=facts)


def make_durable(volume: Volume, path: str, descriptor: int) -> None:
    """File and name, before a row promises them: whoever wrote them may have been killed before that."""
    with disk_errors():
        os.fsync(descriptor)
        volume.sync_folder(os.path.dirname(path))


def rebuild(camera: Camera, path: str, match: re.Match[str], found: Growth, **more: Any) -> bool:
    """The row from the name and the boxes of a file that is durable, and what is known besides.

    Open, so that the device can go on; abandoned ones are closed later.
    """
    facts = {key: int(match[key]) for key in ("seq", "run", "started_ms", "told_ms", "started_mono_ns")}
    clock = Chunk.Clock.SYNCHRONISED if match["clock"] == "s" else Chunk.Clock.UNSYNCHRONISED
    placed = Chunk.Placed.TOLD if facts["told_ms"] == facts["started_ms"] else Chunk.Placed.ARRIVAL
    values = {name: getattr(found, name) for name in Growth.__slots__} | facts
    values |= {"clock": clock, "placed": placed, "bytes": found.whole_bytes, "path": path}
    values |= more
    _, made = Chunk.objects.get_or_create(camera=camera, boot=match["boot"], seq=facts.pop("seq"), defaults=values)
    return made
