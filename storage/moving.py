"""Finished footage moves to the second tier by age, and back when a camera still adds to it; safe when killed anywhere.

Order: the name in the journal (Move), the copy, its proof by size and hash, the row, then the first file goes, then
the journal's line. What a crash leaves is settled by the row alone: the tier that it names keeps the file.
Whoever copies or settles a name holds the lock of its file on the first tier.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.utils import timezone

from cameras.models import Alert
from cameras.sentences import say, together
from storage.disk import low_below
from storage.errors import OffsetWrong, SecondTierAway, StorageAway, StorageFailing
from storage.models import Chunk, Installation, Move, Total
from storage.models.chunk import ms_of
from storage.reading import Reader
from storage.tier import Tier, reached_tier, second_tier
from storage.volume import Volume, disk_errors

BATCH = 50
PIECE_BYTES = 2**20
log = logging.getLogger(__name__)


def move_due(now: datetime, seconds: float) -> int:
    """Settle what an earlier pass left, then move what is due as long as there is time; how many went.

    Raises SecondTierAway, StorageAway.
    """
    tier = second_tier()
    if tier is None:
        return 0
    until, moved = time.monotonic() + seconds, 0
    with Volume() as volume:
        tier.prove()
        settle(volume, tier)
        for chunk in _due(volume, now):
            moved += _move(volume, tier, chunk)
            if time.monotonic() > until:
                break
    return moved


def tell_pass(now: datetime, seconds: float) -> int:
    """`move_due`; raises or clears the alert that says that footage does not move."""
    try:
        moved = move_due(now, seconds)
    except StorageAway as error:
        Alert.objects.raise_(
            "moving_failed", Alert.Level.WARNING, say("Footage does not move to the second storage"),
            together(error.message, error.hint, say(
                "Nothing is lost: what did not move stays on the first disk, and is deleted from there, the oldest "
                "first, only when that has no room left."
            )),
        )  # fmt: skip
        log.warning("Moving: %s", error.message)
        return 0
    Alert.objects.clear("moving_failed")
    return moved


def tell_reached() -> bool:
    """Raise or clear `second_tier_away`; whether it is there, or not needed."""
    tier, moved = second_tier(), Chunk.objects.exclude(moved_at=None)
    if tier is None and not moved.exists():
        Alert.objects.clear("second_tier_away")
        return True
    try:
        tier = reached_tier()
        tier.prove()
        tier.probe()
    except SecondTierAway as error:
        Alert.objects.raise_(
            "second_tier_away", Alert.Level.WARNING, say("The second storage for footage cannot be reached"),
            together(error.message, error.hint,
                     say("Recording goes on; older footage cannot be played meanwhile.")),
        )  # fmt: skip
        return False
    Alert.objects.clear("second_tier_away")
    return True


def settle(volume: Volume, tier: Tier) -> None:
    """Each name of the journal is left with one file: the one that its row names. What is being copied stays alone."""
    for move in Move.objects.all():
        with contextlib.suppress(OffsetWrong), volume.locked_if_there(move.path) as descriptor:
            _settle(volume, tier, move.path, unlink=descriptor is not None)


def bring_back(volume: Volume, chunk: Chunk) -> Chunk:
    """A moved chunk, on the first tier again, as one that a camera still adds to must be. Raises StorageAway."""
    tier = reached_tier()
    Move.objects.get_or_create(path=chunk.path)
    volume.create(chunk.path)
    with volume.locked(chunk.path) as descriptor:
        source = _reader_of_moved(tier, chunk)
        with contextlib.closing(source), disk_errors():
            os.ftruncate(descriptor, 0)
            for piece in pieces(source, chunk.bytes):
                os.write(descriptor, piece)
            os.fsync(descriptor)
        _check_same(_digest_of(descriptor), chunk.sha256)
        if volume.is_same(chunk.path, descriptor):  # else somebody settled this name just before it was locked
            _change(chunk, moved_at=None, sha256="", moved=-chunk.bytes)
            _settle(volume, tier, chunk.path)
    chunk.refresh_from_db()
    return chunk


def _reader_of_moved(tier: Tier, chunk: Chunk) -> Reader:
    try:
        return tier.reader(chunk.path)
    except FileNotFoundError as error:
        raise StorageFailing("A file on the second storage is gone: run manage.py check_storage.") from error


def pieces(reader: Reader, size: int) -> Iterator[bytes]:
    """All bytes of a file, which must have that many; raises StorageFailing."""
    at = 0
    while at < size:
        piece = reader.read_at(at, min(PIECE_BYTES, size - at))
        if not piece:
            raise StorageFailing("A file of footage is shorter than it was: run manage.py check_storage.")
        yield piece
        at += len(piece)


def digest(reader: Reader, size: int) -> str:
    """SHA-256 of the first `size` bytes, in hexadecimal."""
    sha256 = hashlib.sha256()
    for piece in pieces(reader, size):
        sha256.update(piece)
    return sha256.hexdigest()


def _due(volume: Volume, now: datetime) -> Iterator[Chunk]:
    """What is old enough; and the oldest of all as long as the first disk is short of room."""
    days = Installation.objects.this().move_after_days
    if days is None:
        return
    before_ms = ms_of(now - timedelta(days=days))
    seen: set[int] = set()  # one that cannot move now is tried again in the next pass, not in this one
    while batch := list(Chunk.objects.movable().exclude(pk__in=seen).defer("fragments")[:BATCH]):
        for chunk in batch:
            if chunk.ended_ms >= before_ms and not _is_short(volume):
                return
            seen.add(chunk.pk)
            yield chunk


def _is_short(volume: Volume) -> bool:
    return volume.free_bytes() < low_below(volume.size_bytes(), settings.UCAM_DISK_LOW_BYTES)


def _move(volume: Volume, tier: Tier, chunk: Chunk) -> bool:
    """One chunk; False when somebody else uses or changed it."""
    try:
        with volume.locked(chunk.path) as descriptor:
            Move.objects.get_or_create(path=chunk.path)
            size, sha256 = os.fstat(descriptor).st_size, _digest_of(descriptor)
            if size != chunk.bytes:
                log.error("%s has %d bytes, not %d: run manage.py check_storage.", chunk.path, size, chunk.bytes)
                Move.objects.filter(path=chunk.path).delete()
                return False
            with os.fdopen(os.dup(descriptor), "rb") as file:
                tier.save(chunk.path, File(file, name=chunk.path))
            _prove_copy(tier, chunk, sha256)
            done = _change(chunk, moved_at=timezone.now(), sha256=sha256, moved=chunk.bytes)
            _settle(volume, tier, chunk.path)
    except OffsetWrong:
        return False
    except StorageFailing as error:
        if isinstance(error.__cause__, FileNotFoundError):  # deleted or placed anew since it was chosen
            return False
        raise
    return done


def _prove_copy(tier: Tier, chunk: Chunk, sha256: str) -> None:
    """The copy, read back, is what it should be; raises SecondTierAway."""
    try:
        size = tier.size(chunk.path)
        with contextlib.closing(tier.reader(chunk.path)) as reader:
            same = size == chunk.bytes and digest(reader, size) == sha256
    except (FileNotFoundError, StorageFailing) as error:
        raise SecondTierAway("The second storage does not give back what was written to it.") from error
    if not same:
        raise SecondTierAway("The second storage gives back other bytes than were written to it.")


def _check_same(found: str, expected: str) -> None:
    if found != expected:
        raise StorageFailing("A file on the second storage is not what it was: run manage.py check_storage.")


@transaction.atomic
def _change(chunk: Chunk, *, moved_at: datetime | None, sha256: str, moved: int) -> bool:
    """The row names the other tier from now on; False when it was changed meanwhile."""
    same = Chunk.objects.filter(
        pk=chunk.pk, path=chunk.path, bytes=chunk.bytes, state=Chunk.State.CLOSED, moved_at=chunk.moved_at
    )
    if not same.update(moved_at=moved_at, sha256=sha256):
        return False
    Total.objects.add(chunk.camera_id, moved=moved)
    return True


def _settle(volume: Volume, tier: Tier, path: str, *, unlink: bool = True) -> None:
    """Remove the file that the row does not name, then the journal's line.

    `unlink`: we have the lock. Without it there was no file to lock, and one that appears since is being brought back.
    A row that names a file which is not there is of an older copy of the database (restore): then the copy on the
    second tier is the only one, and check_storage mends the row.
    """
    row = Chunk.objects.filter(path=path).values_list("moved_at").first()
    if row is None or (row[0] is None and unlink):
        tier.delete(path)
    if unlink and (row is None or row[0] is not None):
        with disk_errors():
            volume.unlink(path)
            with contextlib.suppress(FileNotFoundError):
                volume.sync_folder(str(PurePosixPath(path).parent))
    Move.objects.filter(path=path).delete()


def _digest_of(descriptor: int) -> str:
    """SHA-256 of an open file."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()
