"""Proof of the ledger: rows and files agree, nothing is missing or too much; and its repair from the files alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from cameras.models import Camera
from storage.check_moved import left_behind, missing, moved_files, moved_rows
from storage.errors import OffsetWrong, StorageFailing
from storage.models import Chunk, Total
from storage.moving import settle
from storage.proof import DAMAGED, NAME, Problem, content, damaged, make_durable, read, rebuild
from storage.retention import finish
from storage.tier import Tier, tier_if_reached
from storage.volume import MARKER, Volume

NEW_FOR = timedelta(minutes=1)  # a younger file without a row is a chunk that begins just now
OVERLAP_MS = 1000


def check(volume: Volume, *, repair: bool, sizes_only: bool = False) -> Iterator[Problem]:
    """Everything that is wrong, in the order of looking. `sizes_only`: files of the second tier are not read."""
    tier = tier_if_reached()
    if repair:
        if tier is not None:
            settle(volume, tier)
        finish(volume, tier)
    rows = Chunk.objects.exclude(state=Chunk.State.DELETING)
    for chunk in rows.filter(moved_at=None).iterator(200):
        yield from _row(volume, tier, chunk, repair)
    yield from moved_rows(volume, tier, repair=repair, sizes_only=sizes_only)
    yield from _files(volume, tier, repair)
    if tier is not None:
        yield from moved_files(tier, repair=repair)
    yield from _overlaps()
    yield from _totals(repair)


def _row(volume: Volume, tier: Tier | None, chunk: Chunk, repair: bool) -> Iterator[Problem]:
    """A row against its file."""
    try:
        with volume.locked(chunk.path) as descriptor:
            chunk.refresh_from_db()
            if chunk.moved_at is None:
                yield from content(volume, descriptor, chunk, repair)
    except (OffsetWrong, Chunk.DoesNotExist):
        return  # it grows just now, or was deleted
    except StorageFailing as error:
        if isinstance(error.__cause__, FileNotFoundError):
            yield from missing(tier, chunk, repair)
        else:
            yield Problem("file_unreadable", chunk.path, error.message)
    except OSError as error:  # a bad sector: what it holds may still be read another time, so nothing is cut
        yield _unreadable(chunk.path, error)


def _unreadable(path: str, error: OSError) -> Problem:
    return Problem("file_unreadable", path, f"The disk does not give it ({error.strerror}). Look at the disk's health.")


def _files(volume: Volume, tier: Tier | None, repair: bool) -> Iterator[Problem]:
    """Files without a row."""
    border = (timezone.now() - NEW_FOR).timestamp()
    for folder, _, names in os.walk(volume.root):
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), volume.root)
            row = Chunk.objects.only("moved_at").filter(path=path).first()
            if row is not None and row.moved_at is not None:
                yield from left_behind(volume, tier, path, repair)
            if name.startswith(MARKER) or row is not None:
                continue
            try:
                if os.stat(os.path.join(folder, name)).st_mtime < border:
                    yield _orphan(volume, path, repair)
            except (FileNotFoundError, OffsetWrong, StorageFailing):
                continue  # deleted, or placed anew, at this moment
            except OSError as error:
                yield _unreadable(path, error)


def _orphan(volume: Volume, path: str, repair: bool) -> Problem:
    """A file without a row: footage gets its row, an empty beginning is removed, anything else is only told."""
    match = NAME.fullmatch(path)
    camera = Camera.objects.filter(pk=match["camera"]).first() if match else None
    if path.endswith(DAMAGED):
        return damaged(path)
    if match is None or camera is None:
        return Problem("file_foreign", path, "This is no chunk of a camera of this installation; move it away.")
    with volume.locked(path) as descriptor:
        if _has_its_row(volume, camera, match, descriptor):
            if repair:
                volume.unlink(path)
            return Problem("name_too_many", path, "Another name of a file that has its row.", repair)
        found = read(descriptor, int(match["started_ms"]), os.fstat(descriptor).st_size)
        if repair and found is not None and found.whole_bytes:
            make_durable(volume, path, descriptor)
    if found is None:
        return damaged(path)
    if repair and found.whole_bytes:
        return Problem("row_missing", path, "A chunk without a row.", rebuild(camera, path, match, found))
    if repair:
        volume.unlink(path)
    return Problem("row_missing", path, "A file without a whole fragment and without a row.", repair)


def _has_its_row(volume: Volume, camera: Camera, match: re.Match[str], descriptor: int) -> bool:
    """Whether the row of this chunk names the same file elsewhere: left by a crash while it was placed anew."""
    row = Chunk.objects.only("path").filter(camera=camera, boot=match["boot"], seq=int(match["seq"])).first()
    return row is not None and volume.is_same(row.path, descriptor)


def _overlaps() -> Iterator[Problem]:
    """Chunks of one run follow each other."""
    rows = Chunk.objects.stored().order_by("camera", "boot", "run", "seq")
    before: tuple | None = None
    for row in rows.values_list("camera", "boot", "run", "started_ms", "ended_ms", "path").iterator():
        if before and before[:3] == row[:3] and row[3] < before[4] - OVERLAP_MS:
            yield Problem("overlap", row[5], f"It begins {before[4] - row[3]} ms before the chunk before it ends.")
        before = row


def _totals(repair: bool) -> Iterator[Problem]:
    """Running totals against the rows."""
    for camera in Camera.objects.select_related("location"):
        if _total_differs(camera, repair):
            yield Problem("totals_wrong", str(camera), "The running totals are not the sum of the rows.", repair)


@transaction.atomic
def _total_differs(camera: Camera, repair: bool) -> bool:
    """Of one camera; with its total locked first, since whoever changes chunks changes it in the same transaction.

    What is being deleted counts until its row is dropped.
    """
    kinds = ("chunks", "bytes", "ms", "moved_bytes")
    total = Total.objects.select_for_update().filter(camera=camera).values(*kinds).first()
    sums = Chunk.objects.filter(camera=camera).aggregate(
        moved_bytes=Sum("bytes", filter=Q(moved_at__isnull=False)),  # first: `bytes` is another thing below
        chunks=Count("pk"),
        bytes=Sum("bytes"),
        ms=Sum(F("ended_ms") - F("started_ms") - F("missing_ms")),
    )
    right = {key: value or 0 for key, value in sums.items()}
    if (total or dict.fromkeys(kinds, 0)) == right:
        return False
    if repair:
        Total.objects.update_or_create(camera=camera, defaults=right)
    return True
