"""Footage comes in: a chunk begins, grows, is closed. Nothing is confirmed that is not durable.

Order: bytes at the end of the file, fsync, then the row, whose `bytes` is the truth. What a crash or a refusal leaves
behind it in the file was never confirmed and is cut before the next append.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.errors import TokenInvalid
from cameras.models import Camera, DeviceToken
from storage.confirm import TURNS, Change
from storage.disk import refused_below
from storage.errors import (
    ChunkClosed,
    ChunkDeleted,
    HeaderInvalid,
    NotFragmentedMp4,
    OffsetWrong,
    StorageFailing,
    StorageFull,
    TooLarge,
)
from storage.flight import single_flight
from storage.growth import Growth, grow
from storage.guard import tell_retention
from storage.models import Chunk, DeletedUpTo, Hold, Total
from storage.models.chunk import CHUNK_BYTES_MAX
from storage.moving import bring_back
from storage.pace import PACE
from storage.placing import Place, Told, path_of, place
from storage.retention import enforce, is_late
from storage.volume import Volume, disk_errors

Body = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Piece:
    """What one PATCH brings; its sum was looked at. `by`: the token that must still be good when it is confirmed."""

    offset: int
    body: Body
    length: int | None
    now: datetime
    by: DeviceToken | None = None


def begin(camera: Camera, told: Told, length: int | None, now: datetime) -> Chunk:
    """The chunk of this name, made when it is new: file, folder, then the row. Raises ChunkDeleted, StorageAway."""
    where = place(camera, told, now)
    known = find(camera, told.boot, told.seq, held=_is_held(camera, where, now))
    if known is not None:
        return known
    chunk = Chunk(
        camera=camera, boot=told.boot, seq=told.seq, run=told.run, told_ms=told.started_ms, length=length,
        started_mono_ns=told.started_mono_ns, clock=where.clock, placed=where.by, started_ms=where.started_ms,
        ended_ms=where.started_ms, path=path_of(camera, told, where), created_at=now, appended_at=now,
    )  # fmt: skip
    if is_late(now):
        tell_retention(now)
    with Volume() as volume:
        check_room(volume, now)
        volume.create(chunk.path)
        try:
            with TURNS.alone(), transaction.atomic():
                chunk.save(force_insert=True)
                Total.objects.add(camera.pk, chunks=1)
        except IntegrityError:  # the same creation ran twice at once: the other row is the chunk
            known = Chunk.objects.get(camera=camera, boot=told.boot, seq=told.seq)
            if known.path != chunk.path:
                volume.unlink(chunk.path)
            return known
    return chunk


def find(camera: Camera, boot: str, seq: int, *, held: bool = False) -> Chunk | None:
    """The camera's chunk of this name, None when there never was one; raises ChunkDeleted.

    `held`: somebody keeps that time, so a chunk that comes late is taken, though younger ones are deleted.
    """
    chunk = Chunk.objects.filter(camera=camera, boot=boot, seq=seq).first()
    if chunk is not None:
        chunk.camera = camera  # known: not to be asked for again
    if chunk is None:
        deleted = not held and DeletedUpTo.objects.covers(camera.pk, boot, seq)
    else:
        deleted = chunk.state == Chunk.State.DELETING
    if deleted:
        raise ChunkDeleted()
    return chunk


def _is_held(camera: Camera, where: Place, now: datetime) -> bool:
    """Whether a chunk that begins there would reach into an active hold."""
    holds = Hold.objects.active(now).filter(camera=camera)
    return holds.overlapping(where.started_ms, where.started_ms + camera.chunk_s * 1000).exists()


def append(volume: Volume, chunk: Chunk, piece: Piece) -> Change | None:
    """Add bytes durably; at the total length, if known, close. `chunk` is then as it is now, None: it was before.

    Raises OffsetWrong, ChunkClosed, TooLarge, NotFragmentedMp4, StorageAway, TokenInvalid; then nothing was added.
    """
    if piece.body:
        check_room(volume, piece.now)
    if chunk.moved_at is not None:
        if _is_repeated_end(chunk, piece):
            return None
        chunk = _back_to_grow(volume, chunk)
    with volume.locked(chunk.path) as descriptor:
        there = os.fstat(descriptor).st_size
        if there != chunk.bytes:  # bytes that were never confirmed, or more that were
            _look_again(chunk)
        if _is_repeated_end(chunk, piece):
            return None
        length = _checked_length(chunk, piece)
        growth = _write(descriptor, there, chunk, piece, length)
        change = Change(chunk, growth, len(piece.body), length, piece.now, piece.by)
        try:
            TURNS.confirm(change)
        except (OffsetWrong, TokenInvalid):  # not when the database failed: its commit may have come through
            _cut_back(descriptor, piece.offset)
            raise
    PACE.tell()
    return change


def _look_again(chunk: Chunk) -> None:
    """As the row says now; raises ChunkDeleted."""
    camera = chunk.camera
    try:
        chunk.refresh_from_db()
    except Chunk.DoesNotExist as error:
        raise ChunkDeleted() from error
    chunk.camera = camera
    if chunk.state == Chunk.State.DELETING:
        raise ChunkDeleted()


def _back_to_grow(volume: Volume, chunk: Chunk) -> Chunk:
    """A chunk that was closed as abandoned and went to the second tier: its camera is back and adds to it."""
    if chunk.length is not None:
        raise ChunkClosed()
    chunk = bring_back(volume, chunk)
    if chunk.moved_at is not None:
        raise OffsetWrong()
    return chunk


def check_room(volume: Volume, now: datetime) -> None:
    """Raises StorageFull when the disk has less left than must stay free.

    Should retention stand still, one pass of it runs here first: nothing is refused while there is something to delete.
    """
    for attempt in range(2):
        if volume.free_bytes() >= refused_below(volume.size_bytes(), settings.UCAM_DISK_LOW_BYTES):
            return
        if attempt or not is_late(now):
            raise StorageFull()
        with single_flight("retention") as mine:
            if mine:
                enforce(now)


def _is_repeated_end(chunk: Chunk, piece: Piece) -> bool:
    """The last, empty PATCH again: its answer was lost on the way."""
    is_end = chunk.state == Chunk.State.CLOSED and not piece.body and piece.offset == chunk.bytes
    return is_end and piece.length in (None, chunk.length)


def _checked_length(chunk: Chunk, piece: Piece) -> int | None:
    """The declared length of the whole chunk, if it is known; raises what is wrong with the request."""
    offset, count, length = piece.offset, len(piece.body), piece.length
    if (
        chunk.state != Chunk.State.OPEN and chunk.length is not None
    ):  # without a length: closed because it was abandoned
        raise ChunkClosed()
    if offset != chunk.bytes:
        raise OffsetWrong(f"This chunk has {chunk.bytes} bytes here, not {offset}.")
    if None not in (length, chunk.length) and length != chunk.length:
        raise HeaderInvalid(f"Upload-Length was {chunk.length} and cannot become {length}.")
    length = chunk.length if length is None else length
    if offset + count > (CHUNK_BYTES_MAX if length is None else length):
        raise TooLarge("There are more bytes than the chunk may have or was said to have.")
    return length


def _write(descriptor: int, there: int, chunk: Chunk, piece: Piece, length: int | None) -> Growth:
    """Write, judge, fsync; on any trouble the file is as long as was confirmed. `there`: its bytes so far."""
    body = piece.body
    size = chunk.bytes + len(body)
    try:
        with disk_errors():
            if there < chunk.bytes:
                raise StorageFailing("A file of footage is shorter than it was: run manage.py check_storage.")
            if there > chunk.bytes:
                os.ftruncate(descriptor, chunk.bytes)
            _write_all(descriptor, body, chunk.bytes)
            growth = grow(descriptor, chunk, size)
            if size == length and growth.whole_bytes != size:
                raise NotFragmentedMp4("The chunk would end within a fragment; these bytes were not kept.")
            if body:
                with PACE.timed():
                    os.fsync(descriptor)
    except BaseException:
        _cut_back(descriptor, chunk.bytes)
        raise
    return growth


def _cut_back(descriptor: int, size: int) -> None:
    """Give back what was not confirmed. When the disk refuses that too, the next append cuts it."""
    with contextlib.suppress(OSError):
        if os.fstat(descriptor).st_size > size:
            os.ftruncate(descriptor, size)


def _write_all(descriptor: int, body: Body, offset: int) -> None:
    rest = memoryview(body)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
