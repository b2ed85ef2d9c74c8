"""A chunk: one file of footage and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection, models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from cameras.models import Camera
from storage.models.export import Export
from storage.models.hold import Hold

CHUNK_BYTES_MAX = 2 * 2**30
CHUNK_MS_MAX = 4 * 3600 * 1000  # a range query looks back this far for a chunk that reaches into the range
ABANDONED_AFTER = timedelta(days=1)


def ms_of(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def instant_of(ms: int) -> datetime:
    """The UTC instant of milliseconds since 1970; beyond the calendar its end."""
    try:
        return EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if ms > 0 else datetime.min.replace(tzinfo=UTC)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def holds_of_chunk(now: datetime) -> models.QuerySet[Hold]:
    """For a subquery: the active holds that reach into a chunk."""
    rows = Hold.objects.active(now).filter(camera=OuterRef("camera"))
    return rows.filter(from_ms__lt=OuterRef("ended_ms"), to_ms__gt=OuterRef("started_ms"))


def exports_of_chunk() -> models.QuerySet[Export]:
    """For a subquery: the exports that still need a chunk."""
    rows = Export.objects.unfinished().filter(cameras=OuterRef("camera"))
    return rows.filter(from_ms__lt=OuterRef("ended_ms"), to_ms__gt=OuterRef("started_ms"))


class Doomed(NamedTuple):
    """What deletion must know of a chunk."""

    id: int
    camera_id: int
    boot: str
    seq: int
    path: str
    bytes: int
    started_ms: int
    ended_ms: int
    missing_ms: int
    moved_at: object  # whether it is set is all that counts


class ChunkQuerySet(models.QuerySet["Chunk"]):
    """Chunks by time and by what may be done with them."""

    def stored(self) -> ChunkQuerySet:
        """With at least one whole fragment, and not on their way out."""
        return self.exclude(state=Chunk.State.DELETING).filter(whole_bytes__gt=0)

    def within(self, from_ms: int, to_ms: int) -> ChunkQuerySet:
        """Those that reach into the range, in order of time."""
        early = from_ms - CHUNK_MS_MAX
        rows = self.filter(started_ms__gt=early, started_ms__lt=to_ms, ended_ms__gt=from_ms)
        return rows.order_by("started_ms", "pk")

    def deletable(self, now: datetime | None = None) -> ChunkQuerySet:
        """Those that retention may delete, the oldest first: none that grows, is held or is just being exported."""
        kept = Exists(holds_of_chunk(now or timezone.now())) | Exists(exports_of_chunk())
        return self.filter(~kept, state=Chunk.State.CLOSED).order_by("started_ms")

    def movable(self) -> ChunkQuerySet:
        """Finished ones of the first tier, the oldest first."""
        return self.filter(state=Chunk.State.CLOSED, moved_at=None).order_by("started_ms")

    def held(self, now: datetime) -> ChunkQuerySet:
        """Those of which somebody holds at least a moment."""
        return self.filter(Exists(holds_of_chunk(now))).exclude(state=Chunk.State.DELETING)

    def exported(self) -> ChunkQuerySet:
        """Those that exports still need."""
        return self.filter(Exists(exports_of_chunk())).exclude(state=Chunk.State.DELETING)

    def abandoned(self, now: datetime) -> ChunkQuerySet:
        """Open ones to which nothing was added for a day: their camera is gone or has lost its spool."""
        return self.filter(state=Chunk.State.OPEN, closed_at=None, appended_at__lt=now - ABANDONED_AFTER)

    def deleting(self) -> ChunkQuerySet:
        """Those whose deletion was begun."""
        return self.filter(state=Chunk.State.DELETING, closed_at=None)

    def doomed(self) -> list[Doomed]:
        """These, as deletion wants them."""
        return [Doomed(*row) for row in self.values_list(*Doomed._fields)]

    def doom(self) -> list[Doomed]:
        """Begin the deletion of these, at most a batch, by one statement: retention does it by the ten thousand.

        The state is asked twice: PostgreSQL looks again only at the outer condition when a camera was first to go on.
        """
        chosen, words = self.values("pk").query.sql_with_params()
        sql = f"UPDATE storage_chunk SET state = %s, closed_at = NULL WHERE state = %s AND id IN ({chosen})"  # noqa: S608 - ours
        returned = ", ".join(f'"{name}"' for name in Doomed._fields)
        with connection.cursor() as cursor:
            states = [Chunk.State.DELETING.value, Chunk.State.CLOSED.value]
            cursor.execute(f"{sql} RETURNING {returned}", [*states, *words])
            return [Doomed(*row) for row in cursor.fetchall()]

    def drop(self, keys: Sequence[int]) -> set[int]:
        """Remove rows whose files are gone; those that were still there. No row points at a chunk."""
        if not keys:
            return set()
        marks = ", ".join(["%s"] * len(keys))
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM storage_chunk WHERE id IN ({marks}) RETURNING id", keys)  # noqa: S608 - ours
            return {row[0] for row in cursor.fetchall()}


class Chunk(models.Model):
    """One file: `ftyp`+`moov`, then fragments. Named by (camera, boot, seq).

    Instants are integers, milliseconds since 1970 in UTC: what the media counts in, exact, and read by the thousand
    without making datetimes of them. `started_ms` is where storage placed the chunk, `told_ms` what the device said.
    """

    class State(models.TextChoices):
        """open: grows; closed: complete; deleting: its file may be gone already."""

        OPEN = "open"
        CLOSED = "closed"
        DELETING = "deleting"

    class Clock(models.TextChoices):
        """Whether `told_ms` can be believed."""

        SYNCHRONISED = "synchronised"
        UNSYNCHRONISED = "unsynchronised"

    class Placed(models.TextChoices):
        """Where `started_ms` is from."""

        TOLD = "told", "the device's clock"
        BOOT = "boot", "another chunk of the same boot, by the monotonic clock"
        ARRIVAL = "arrival", "its arrival"

    camera = models.ForeignKey(Camera, on_delete=models.PROTECT, related_name="chunks", db_index=False)
    boot = models.CharField(max_length=32)
    seq = models.BigIntegerField()
    run = models.BigIntegerField()
    told_ms = models.BigIntegerField()
    started_mono_ns = models.BigIntegerField()
    clock = models.CharField(max_length=14, choices=Clock.choices)
    placed = models.CharField(max_length=8, choices=Placed.choices)
    started_ms = models.BigIntegerField()
    ended_ms = models.BigIntegerField()
    missing_ms = models.BigIntegerField(default=0)  # holes between fragments within the chunk
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    path = models.CharField(max_length=255, unique=True)
    bytes = models.BigIntegerField(default=0)  # confirmed to the device
    whole_bytes = models.BigIntegerField(default=0)  # up to the end of the last whole fragment
    length = models.BigIntegerField(null=True)
    init_bytes = models.PositiveIntegerField(default=0)
    timescale = models.PositiveIntegerField(default=0)
    first_tfdt = models.BigIntegerField(default=0)
    codec = models.CharField(max_length=40, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    frames = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    fragments = models.BinaryField(default=b"")
    moved_at = models.DateTimeField(null=True)  # since then its file lies on the second tier
    sha256 = models.CharField(max_length=64, blank=True)  # of a moved file, as it was proved
    created_at = models.DateTimeField(default=timezone.now)
    appended_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)  # set while the state is closed, and only then

    objects = ChunkQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["camera", "boot", "seq"], name="one_chunk_per_name")]
        indexes = [
            # Ranges of one camera; coverage and days read this index alone, not the rows with their fragments.
            models.Index(fields=["camera", "started_ms", "ended_ms", "missing_ms", "state"], name="chunk_range"),
            models.Index(fields=["started_ms"], name="chunk_oldest"),
            models.Index(fields=["started_ms"], condition=Q(moved_at=None), name="chunk_first_tier"),
            # The few that are not closed. IS NULL, because SQLite matches no condition that has a parameter.
            models.Index(fields=["state", "appended_at"], condition=Q(closed_at=None), name="chunk_unfinished"),
        ]

    def __str__(self) -> str:
        return f"{self.boot}-{self.seq:08d}"

    @property
    def name(self) -> str:
        """What the device's URL calls it."""
        return f"{self.boot}-{self.seq}"

    @property
    def started_at(self) -> datetime:
        """The instant of its first frame."""
        return instant_of(self.started_ms)

    @property
    def ended_at(self) -> datetime:
        """The instant at which its last frame ends."""
        return instant_of(self.ended_ms)

    @property
    def stored_ms(self) -> int:
        """Footage in it."""
        return self.ended_ms - self.started_ms - self.missing_ms
