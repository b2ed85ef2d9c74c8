"""Where a new chunk goes on the time line, and what its file is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cameras.models import Camera
from storage.models import Chunk
from storage.models.chunk import instant_of, ms_of

EARLIEST_MS = ms_of(datetime(2020, 1, 1, tzinfo=UTC))  # no camera of ours recorded before
AHEAD_MS = 24 * 3600 * 1000
BOOT_MS_MAX = 400 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Told:
    """What a device says of a chunk when it begins to ship it."""

    boot: str
    seq: int
    run: int
    started_ms: int
    started_mono_ns: int
    clock: Chunk.Clock


@dataclass(frozen=True, slots=True)
class Place:
    """The instant at which a chunk begins, and how that is known."""

    started_ms: int
    clock: Chunk.Clock
    by: Chunk.Placed


def place(camera: Camera, told: Told, now: datetime) -> Place:
    """By the device's clock when it can be right, else by the monotonic clock of the same boot, else by arrival.

    An impossible instant is believed as little as an unsynchronised clock; what was told stays in the row.
    """
    if told.clock == Chunk.Clock.SYNCHRONISED and is_possible(told.started_ms, now):
        return Place(told.started_ms, told.clock, Chunk.Placed.TOLD)
    known = _by_boot(camera, told)
    if known is not None and is_possible(known, now):
        return Place(known, Chunk.Clock.UNSYNCHRONISED, Chunk.Placed.BOOT)
    # The first fragment is shipped when it is complete, so the chunk began about one keyframe distance ago.
    arrival = ms_of(now - timedelta(milliseconds=camera.keyframe_ms))
    return Place(arrival, Chunk.Clock.UNSYNCHRONISED, Chunk.Placed.ARRIVAL)


def is_possible(ms: int, now: datetime) -> bool:
    """Between the beginning of 2020 and a day from now."""
    return EARLIEST_MS <= ms <= ms_of(now) + AHEAD_MS


def _by_boot(camera: Camera, told: Told) -> int | None:
    """Reckoned from a chunk of the same boot, one with a synchronised clock before others, the nearest first."""
    rows = Chunk.objects.filter(camera=camera, boot=told.boot)
    for clock in Chunk.Clock.values:
        before = rows.filter(clock=clock, seq__lt=told.seq).order_by("-seq")
        after = rows.filter(clock=clock, seq__gt=told.seq).order_by("seq")
        anchor = before.only("started_ms", "started_mono_ns").first() or after.first()
        if anchor is not None:
            away_ms = (told.started_mono_ns - anchor.started_mono_ns) // 1_000_000
            return anchor.started_ms + away_ms if abs(away_ms) <= BOOT_MS_MAX else None
    return None


def path_of(camera: Camera, told: Told, where: Place) -> str:
    """The file below the media folder. Its name holds what the boxes do not, so that rows can be rebuilt from files."""
    day = instant_of(where.started_ms).strftime("%Y-%m-%d")
    letter = "s" if where.clock == Chunk.Clock.SYNCHRONISED else "u"
    facts = f"{told.run}_{where.started_ms}_{told.started_ms}_{told.started_mono_ns}_{letter}"
    return f"{camera.location_id}/{camera.pk}/{day}/{told.boot}-{told.seq:08d}_{facts}.mp4"
