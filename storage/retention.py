"""Deletion of footage by age and by space, the oldest first; safe when killed anywhere.

Order: mark the rows, unlink the files, fsync their folders, then drop the rows together with what the totals say of
them. A pass begins with what an earlier one left marked. A chunk that still grows is never deleted. What lies on the
second tier is left alone as long as that cannot be reached; the first never waits for it.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from cameras.models import Camera, Location
from storage import snapshot
from storage.disk import reserve
from storage.errors import OffsetWrong, SecondTierAway, StorageFailing
from storage.models import Chunk, DeletedUpTo, Installation, Total
from storage.models.chunk import ChunkQuerySet, Doomed, ms_of
from storage.tier import Room, Tier, reached_tier, tier_if_reached
from storage.volume import Volume, disk_errors

BATCH = 500  # one fsync of a folder and two short transactions: ingest waits for one of these at most
log = logging.getLogger(__name__)


def enforce(now: datetime) -> int:
    """One pass over everything; the number of deleted chunks. Raises StorageAway when the disk is not ours to touch."""
    tier = tier_if_reached()
    with Volume() as volume:
        try:
            deleted = _pass(volume, tier, now)
        except SecondTierAway as error:  # it answers, and does not let go of what it has
            log.warning("Retention goes on without the second storage: %s", error.message)
            deleted = _pass(volume, None, now)
    Installation.objects.this().retention_stamped(now)
    if deleted:
        log.info("Retention deleted %d chunks.", deleted)
    return deleted


def _pass(volume: Volume, tier: Tier | None, now: datetime) -> int:
    """By age, by each limit of space, by the reserve; without the second tier on the first alone."""
    deleted = finish(volume, tier)
    close_abandoned(volume, now)
    deletable = Chunk.objects.deletable(now) if tier else Chunk.objects.deletable(now).filter(moved_at=None)
    for camera in Camera.objects.select_related("location"):
        deleted += by_age(volume, deletable, camera, now)
        deleted += by_space(volume, deletable, [camera.pk], camera.max_bytes, now)
    for location in Location.objects.exclude(max_bytes=None):
        cameras = list(location.cameras.values_list("pk", flat=True))
        deleted += by_space(volume, deletable, cameras, location.max_bytes, now)
    return deleted + by_reserve(volume, now, tier.room() if tier else None)


def is_late(now: datetime) -> bool:
    """Whether the last complete pass is longer ago than it should be; a fresh installation has had none."""
    stamp = Installation.objects.this().retention_at
    return stamp is None or now - stamp > late_after()


def stands_still(now: datetime) -> bool:
    """Whether passes came once and come no more."""
    return Installation.objects.this().retention_at is not None and is_late(now)


def late_after() -> timedelta:
    """Ten times the interval."""
    return timedelta(seconds=max(10 * settings.UCAM_RETENTION_EVERY_S, 60))


def finish(volume: Volume, tier: Tier | None = None) -> int:
    """Complete deletions that were begun before; those of the second tier only when it is reached."""
    rows = Chunk.objects.deleting()
    done = _repeat(lambda: drop(volume, rows.filter(moved_at=None)[:BATCH].doomed()))
    return done + (_repeat(lambda: drop(volume, rows[:BATCH].doomed())) if tier else 0)


def by_age(volume: Volume, deletable: ChunkQuerySet, camera: Camera, now: datetime) -> int:
    """Delete what is older than the camera is to keep (days_kept)."""
    before_ms = ms_of(now - timedelta(days=days_kept(camera)))
    old = deletable.filter(camera=camera, started_ms__lt=before_ms, ended_ms__lt=before_ms)
    return _repeat(lambda: delete(volume, old[:BATCH]))


def days_kept(camera: Camera) -> int:
    """The strictest of camera, location and installation; a number beyond any calendar means forever."""
    return strictest(camera, Installation.objects.this().retention_days)


def strictest(camera: Camera, everywhere: int | None) -> int:
    """The same, where what the installation asks is known."""
    asked = [camera.retention_days, camera.location.retention_days, everywhere]
    return min([days for days in asked if days is not None] or [365_000])


def by_space(volume: Volume, deletable: ChunkQuerySet, cameras: list[int], max_bytes: int | None, now: datetime) -> int:
    """Delete the oldest of these cameras together until what is stored of them, wherever, fits."""
    if max_bytes is None:
        return 0
    stored = Total.objects.filter(camera__in=cameras).aggregate(bytes=Sum("bytes"))["bytes"] or 0
    return make_room(volume, deletable, cameras, stored - max_bytes, now)


def by_reserve(volume: Volume, now: datetime, second: Room | None) -> int:
    """Delete the oldest of all for what a disk lacks of its reserve: on each tier only what frees that one."""
    rows, asked = Chunk.objects.deletable(now), settings.UCAM_DISK_LOW_BYTES
    lacks = reserve(volume.size_bytes(), asked) - volume.free_bytes()
    deleted = make_room(volume, rows.filter(moved_at=None), None, lacks, now)
    if second is not None:
        lacks = reserve(second.size, asked) - second.free
        deleted += make_room(volume, rows.exclude(moved_at=None), None, lacks, now)
    return deleted


def make_room(volume: Volume, deletable: ChunkQuerySet, cameras: list[int] | None, count: int, now: datetime) -> int:
    """Delete the oldest chunks of these cameras (None: of all) that together have `count` bytes.

    By their own sizes, not by what the disk says after each: some file systems free space only later, and more than is
    needed would be gone by then.
    """
    deleted = 0
    while count > 0:
        batch = []
        for chunk in oldest(deletable, cameras):
            batch.append(chunk.pk)
            count -= chunk.bytes
            if count <= 0:
                break
        gone = delete(volume, deletable.filter(pk__in=batch)) if batch else 0
        if not gone:  # nothing is left, or all of it was held just now
            break
        deleted += gone
    return deleted


def oldest(deletable: ChunkQuerySet, cameras: list[int] | None) -> Iterator[Chunk]:
    """A batch in order of age. Camera by camera: so each is read by its index, however many rows there are."""
    rows = deletable.only("started_ms", "bytes")
    if cameras is None:
        return iter(rows[:BATCH])
    each = (rows.filter(camera=camera)[:BATCH] for camera in cameras)
    return islice(heapq.merge(*each, key=lambda chunk: chunk.started_ms), BATCH)


def delete(volume: Volume, chosen: ChunkQuerySet) -> int:
    """Mark and delete what `chosen` (of `deletable`) says by now, when nobody can place a hold; how many are gone."""
    with transaction.atomic():
        Installation.objects.lock_deletion()
        marked = chosen.doom()
    return drop(volume, marked)


def drop(volume: Volume, chunks: list[Doomed]) -> int:
    """Unlink the files of marked chunks durably, then drop the rows. Raises SecondTierAway."""
    here, there = [chunk for chunk in chunks if not chunk.moved_at], [chunk for chunk in chunks if chunk.moved_at]
    with disk_errors():
        for chunk in here:
            volume.unlink(chunk.path)
        for folder in sorted({os.path.dirname(chunk.path) for chunk in here}):
            volume.sync_folder(folder)
    snapshot.forget([chunk.id for chunk in chunks])
    dropped = _drop_rows(here)
    for chunk in there:
        reached_tier().delete(chunk.path)
    return dropped + _drop_rows(there)


@transaction.atomic
def _drop_rows(chunks: list[Doomed]) -> int:
    """Rows, totals and marks together. A row that somebody else dropped in the meantime counts for them."""
    Installation.objects.lock_deletion()
    there = Chunk.objects.drop([chunk.id for chunk in chunks])
    gone: dict[int, list[Doomed]] = defaultdict(list)
    marks: dict[tuple[int, str], int] = {}
    for chunk in chunks:
        if chunk.id in there:
            gone[chunk.camera_id].append(chunk)
            key = (chunk.camera_id, chunk.boot)
            marks[key] = max(marks.get(key, 0), chunk.seq)
    for (camera_id, boot), seq in marks.items():
        DeletedUpTo.objects.raise_to(camera_id, boot, seq)
    for camera_id, ones in gone.items():
        Total.objects.add(
            camera_id,
            chunks=-len(ones),
            bytes=-sum(one.bytes for one in ones),
            ms=-sum(one.ended_ms - one.started_ms - one.missing_ms for one in ones),
            moved=-sum(one.bytes for one in ones if one.moved_at),
        )
        if not Chunk.objects.filter(camera_id=camera_id).exists():
            Camera.objects.filter(pk=camera_id).update(latest_at=None)
    return len(there)


def close_abandoned(volume: Volume, now: datetime) -> int:
    """Close chunks that nobody completes, at the end of their last whole fragment.

    Their length stays unknown: so ingest sees that the device never finished them, and goes on when it comes back.
    """
    closed = 0
    for chunk in Chunk.objects.abandoned(now).defer("fragments"):
        # Its device may come back at this very moment: what it adds behind that end must not be cut with the rest.
        with contextlib.suppress(OffsetWrong, StorageFailing), volume.locked_if_there(chunk.path) as descriptor:
            closed += _close_abandoned(chunk, descriptor, now)
    return closed


def _close_abandoned(chunk: Chunk, descriptor: int | None, now: datetime) -> bool:
    """The row, then its file, which nobody else has; False when somebody was first."""
    same = Chunk.objects.filter(pk=chunk.pk, state=Chunk.State.OPEN, bytes=chunk.bytes)
    with transaction.atomic():
        if not same.update(state=Chunk.State.CLOSED, bytes=chunk.whole_bytes, length=None, closed_at=now):
            return False
        Total.objects.add(chunk.camera_id, bytes=chunk.whole_bytes - chunk.bytes)
    if descriptor is not None and os.fstat(descriptor).st_size > chunk.whole_bytes:
        with disk_errors():
            os.ftruncate(descriptor, chunk.whole_bytes)
            os.fsync(descriptor)
    return True


def _repeat(batch: Callable[[], int]) -> int:
    """Batch after batch until there is nothing more to do."""
    total = 0
    while done := batch():
        total += done
    return total
