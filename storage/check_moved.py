"""The second tier's part of check_storage: moved rows and their files, and files that are twice or elsewhere."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from cameras.models import Camera
from storage.errors import StorageFailing
from storage.models import Chunk, Move
from storage.moving import digest, pieces
from storage.proof import NAME, Problem, forget, read, rebuild
from storage.tier import Tier, names, second_tier
from storage.volume import Volume


def moved_rows(volume: Volume, tier: Tier | None, *, repair: bool, sizes_only: bool) -> Iterator[Problem]:
    """Rows of the second tier against their files."""
    rows = Chunk.objects.exclude(moved_at=None).exclude(state=Chunk.State.DELETING)
    if tier is None:
        if second_tier() is not None:
            yield Problem("second_tier_away", "UCAM_SECOND_TIER", "It cannot be reached; nothing there was looked at.")
        elif rows.exists():
            yield Problem("second_tier_away", "UCAM_SECOND_TIER", "Footage lies there, and it is not set.")
        return
    for chunk in rows.defer("fragments").iterator(200):
        try:
            yield from _bytes(tier, chunk, sizes_only)
        except FileNotFoundError:
            yield from _moved_missing(volume, chunk, repair)


def _bytes(tier: Tier, chunk: Chunk, sizes_only: bool) -> Iterator[Problem]:
    size = tier.size(chunk.path)
    if size != chunk.bytes:
        yield Problem("moved_file_wrong", chunk.path, f"{size} bytes on the second storage, {chunk.bytes} were moved.")
        return
    if sizes_only:
        return
    with contextlib.closing(tier.reader(chunk.path)) as reader:
        if digest(reader, size) != chunk.sha256:
            yield Problem("moved_file_wrong", chunk.path, "Its bytes there are not those that were moved.")


def missing(tier: Tier | None, chunk: Chunk, repair: bool) -> Iterator[Problem]:
    """A row of the first tier has no file there: with an old copy of the database it may lie on the second."""
    if not _is_still(chunk):
        return
    size = -1
    with contextlib.suppress(FileNotFoundError):
        size = tier.size(chunk.path) if tier is not None else -1
    if tier is None or size != chunk.bytes:
        sure = repair and (tier is not None or second_tier() is None)  # it may lie where nobody can look now
        if sure:
            forget(chunk)
        yield Problem("file_missing", chunk.path, "The row has no file; what it held is lost.", sure)
        return
    if repair:
        with contextlib.closing(tier.reader(chunk.path)) as reader:
            sha256 = digest(reader, size)
        Chunk.objects.filter(pk=chunk.pk).update(moved_at=timezone.now(), sha256=sha256)
    yield Problem("file_elsewhere", chunk.path, "The file lies on the second storage, not on the first.", repair)


def _moved_missing(volume: Volume, chunk: Chunk, repair: bool) -> Iterator[Problem]:
    """The same the other way round."""
    if not _is_still(chunk):
        return
    try:
        with volume.locked(chunk.path) as descriptor:
            is_here = os.fstat(descriptor).st_size == chunk.bytes
    except StorageFailing:
        is_here = False
    if not is_here:
        if repair:
            forget(chunk)
        yield Problem("file_missing", chunk.path, "The row has no file on the second storage; it is lost.", repair)
        return
    if repair:
        Chunk.objects.filter(pk=chunk.pk).update(moved_at=None, sha256="")
    yield Problem("file_elsewhere", chunk.path, "The file lies on the first storage, not on the second.", repair)


def left_behind(volume: Volume, tier: Tier | None, path: str, repair: bool) -> Iterator[Problem]:
    """A file of the first tier whose row names the second; what the journal knows of is settled with it.

    It goes only when the other one is what was moved: of two files the right one stays.
    """
    chunk = Chunk.objects.defer("fragments").filter(path=path, moved_at__isnull=False).first()
    if chunk is None or Move.objects.filter(path=path).exists():
        return
    sure = repair and tier is not None and _is_right(tier, chunk)
    if sure:
        volume.unlink(path)
    yield Problem("file_twice", path, "The file went to the second storage and lies on the first as well.", sure)


def _is_right(tier: Tier, chunk: Chunk) -> bool:
    """Whether the second tier has what was moved there."""
    with contextlib.suppress(FileNotFoundError):
        return not list(_bytes(tier, chunk, sizes_only=False))
    return False


def moved_files(tier: Tier, *, repair: bool) -> Iterator[Problem]:
    """Files of the second tier that no row names there."""
    for path in names(tier):
        row = Chunk.objects.only("moved_at", "bytes").filter(path=path).first()
        if (row is not None and row.moved_at is not None) or Move.objects.filter(path=path).exists():
            continue
        if row is None:
            yield from _orphan(tier, path, repair)
            continue
        sure = repair and tier.size(path) <= row.bytes  # one that holds more may be the better one
        if sure:
            tier.delete(path)
        yield Problem("file_twice", path, "The file lies on the first storage and a copy of it on the second.", sure)


def _orphan(tier: Tier, path: str, repair: bool) -> Iterator[Problem]:
    match = NAME.fullmatch(path)
    camera = Camera.objects.filter(pk=match["camera"]).first() if match else None
    if match is None or camera is None:
        yield Problem(
            "file_foreign", path, "This is no chunk of this installation on the second storage; move it away."
        )
        return
    mended = False
    if repair:
        size = tier.size(path)
        with contextlib.closing(tier.reader(path)) as reader, tempfile.TemporaryFile(dir=settings.UCAM_DATA) as copy:
            copy.writelines(pieces(reader, size))
            copy.flush()
            found = read(copy.fileno(), int(match["started_ms"]), size)
            if found is not None and found.whole_bytes == size:
                now = timezone.now()
                more = {"state": Chunk.State.CLOSED, "closed_at": now, "length": size, "moved_at": now}
                mended = rebuild(camera, path, match, found, sha256=digest(reader, size), **more)
    yield Problem("row_missing", path, "A chunk on the second storage without a row.", mended)


def _is_still(chunk: Chunk) -> bool:
    """Whether the row is what it was: a file may go to the other tier, to another name or for good while one looks."""
    rows = Chunk.objects.filter(pk=chunk.pk, path=chunk.path, moved_at=chunk.moved_at)
    return rows.exclude(state=Chunk.State.DELETING).exists()
