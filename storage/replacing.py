"""What was recorded or lost before the clock was known goes to where it belongs on the time line, once it is.

Order of a chunk: the new name of the file, durably; then the row; then the old name goes. A crash in between leaves a
name too many, which `check_storage` finds, never a row without a file.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from django.db import transaction
from django.db.models import Exists, Q
from django.utils import timezone

from cameras.models import Camera
from storage.errors import OffsetWrong, StorageAway, StorageFailing
from storage.models import Chunk, Gap, Hold, Installation
from storage.models.chunk import exports_of_chunk
from storage.moving import bring_back
from storage.placing import Place, Told, is_possible, path_of
from storage.volume import Volume

log = logging.getLogger(__name__)

# A clock as near as this is right: the camera's gaps are told by it, so its chunks go by it too.
AGREES_MS = 1000
NEAR_MS = 100  # nearer than this a chunk stays where it is
AT_ONCE_MAX = 200  # a report answers soon; the next one goes on


@dataclass(frozen=True, slots=True)
class Anchor:
    """One instant on the monotonic clock of a boot, and in UTC."""

    boot: str
    mono_ns: int
    utc_ms: int

    def utc_of(self, mono_ns: int) -> int:
        """UTC in ms of another instant of that boot."""
        return self.utc_ms + (mono_ns - self.mono_ns) // 1_000_000


def anchor_of(clock: Mapping[str, Any] | None) -> Anchor | None:
    """What a report tells of the clock; None when it tells no instant."""
    if clock is None or not {"boot", "mono_ns", "utc_ms"} <= clock.keys():
        return None
    return Anchor(clock["boot"], clock["mono_ns"], clock["utc_ms"])


def replace_boot(camera: Camera, anchor: Anchor, now: datetime) -> int:
    """Move the closed chunks of that boot whose clock was not known; answers how many. Telling it again moves none.

    What is just being exported stays until the next report: elsewhere retention might delete it under the export.
    A moved chunk counts as synchronised: monotonic clocks drift, so the earliest anchor is the best and the only one.
    """
    rows = Chunk.objects.filter(camera=camera, boot=anchor.boot, clock=Chunk.Clock.UNSYNCHRONISED)
    facts = rows.filter(~Exists(exports_of_chunk()), state=Chunk.State.CLOSED).order_by("seq")
    wrong = [
        (pk, right)
        for pk, started_ms, told_ms, mono_ns in facts.values_list("pk", "started_ms", "told_ms", "started_mono_ns")
        if abs((right := _right(anchor.utc_of(mono_ns), told_ms)) - started_ms) > NEAR_MS and is_possible(right, now)
    ][:AT_ONCE_MAX]
    moved = 0
    for pk, started_ms in wrong:
        try:
            moved += _move(Chunk.objects.get(pk=pk), started_ms)
        except (StorageFailing, OffsetWrong, Chunk.DoesNotExist) as error:  # of this file alone
            log.warning("Chunk %d is not placed anew yet: %s", pk, error)
        except StorageAway as error:
            log.warning("Chunk %d and others are not placed anew yet: %s", pk, error)
            break
    if moved:
        log.info("%d chunks of %s are where they belong now: its clock is known.", moved, camera)
    return moved


def replace_gaps(camera: Camera, anchor: Anchor, now: datetime) -> list[Gap]:
    """Move the gaps that this camera told of that boot by a clock that nobody had confirmed; answers them as they are
    now. Once: what has been moved has no instant of that boot any more, nor has what others told, or storage itself.
    """
    if not is_possible(anchor.utc_ms, now):
        return []
    waiting = Gap.objects.filter(camera=camera, boot=anchor.boot)
    waiting = waiting.filter(Q(from_mono_ns__isnull=False) | Q(to_mono_ns__isnull=False))
    return [gap for gap in waiting.order_by("pk")[:AT_ONCE_MAX] if _move_gap(gap, anchor, now)]


def _move_gap(gap: Gap, anchor: Anchor, now: datetime) -> bool:
    """False when somebody was first. An end that cannot be stays where it was told."""
    same = Gap.objects.filter(pk=gap.pk, from_mono_ns=gap.from_mono_ns, to_mono_ns=gap.to_mono_ns)
    gap.from_ms = _end(anchor, gap.from_mono_ns, gap.from_ms, now)
    gap.to_ms = max(gap.from_ms + 1, _end(anchor, gap.to_mono_ns, gap.to_ms, now))
    gap.from_mono_ns = gap.to_mono_ns = None
    return bool(same.update(from_ms=gap.from_ms, to_ms=gap.to_ms, from_mono_ns=None, to_mono_ns=None))


def _end(anchor: Anchor, mono_ns: int | None, told_ms: int, now: datetime) -> int:
    right_ms = told_ms if mono_ns is None else _right(anchor.utc_of(mono_ns), told_ms)
    return right_ms if is_possible(right_ms, now) else told_ms


def _right(anchored_ms: int, told_ms: int) -> int:
    """What was told, when it turns out that the clock was right without knowing it; else by the anchor."""
    return told_ms if abs(anchored_ms - told_ms) <= AGREES_MS else anchored_ms


def _move(chunk: Chunk, started_ms: int) -> bool:
    """One chunk, its file first; False when it was changed meanwhile. From the second tier it comes back for that."""
    if chunk.moved_at is not None:
        with Volume() as volume:
            chunk = bring_back(volume, chunk)
    clock = Chunk.Clock(chunk.clock)
    told = Told(chunk.boot, chunk.seq, chunk.run, chunk.told_ms, chunk.started_mono_ns, clock)
    path = path_of(chunk.camera, told, Place(started_ms, Chunk.Clock.SYNCHRONISED, Chunk.Placed.BOOT))
    with Volume() as volume, volume.locked(chunk.path):
        volume.link(chunk.path, path)
        done = _change(chunk, path, started_ms)
        gone = chunk.path if done else path
        volume.unlink(gone)
        volume.sync_folder(str(PurePosixPath(gone).parent))
    return bool(done)


@transaction.atomic
def _change(chunk: Chunk, path: str, started_ms: int) -> bool:
    """The row; and whoever holds the chunk where it was holds it where it goes."""
    Installation.objects.lock_deletion()
    ended_ms = chunk.ended_ms + started_ms - chunk.started_ms
    same = Chunk.objects.filter(pk=chunk.pk, path=chunk.path, state=Chunk.State.CLOSED, moved_at=None)
    done = same.filter(~Exists(exports_of_chunk())).update(
        path=path,
        started_ms=started_ms,
        ended_ms=ended_ms,
        clock=Chunk.Clock.SYNCHRONISED,
        placed=Chunk.Placed.BOOT,
    )
    if done:
        before = (chunk.started_ms, chunk.ended_ms)
        Hold.objects.follow(chunk.camera, before, (started_ms, ended_ms), timezone.now())
    return bool(done)
