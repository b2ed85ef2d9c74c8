"""Rows say what is durable: the changes of all fragments that wait at the same time go in one transaction.

SQLite has one writer and makes each commit durable by itself (synchronous=FULL). So the first who comes while another
transaction runs writes for all who come after it, and wakes each of them once; alone it waits for nobody. SQL by hand,
for this is what happens most often on a server.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Field, Model

from accounts.errors import TokenInvalid
from cameras.models import Camera, DeviceToken
from storage.errors import OffsetWrong, StorageFailing
from storage.growth import Growth
from storage.models import Chunk, Total
from storage.models.chunk import instant_of

log = logging.getLogger(__name__)


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    """What makes of a column's value what the database's driver wants."""
    return model._meta.get_field(name)  # type: ignore[return-value] # columns only are asked for


COLUMNS = (*Growth.__slots__, "bytes", "length", "appended_at", "state", "closed_at")
TRANSLATED = {name: _field(Chunk, name) for name in ("appended_at", "closed_at", "fragments")}  # drivers take the rest
DAY, LATEST_AT = _field(Total, "day"), _field(Camera, "latest_at")
CHUNK = "UPDATE storage_chunk SET {} ".format(", ".join(f'"{name}" = %s' for name in COLUMNS)) + (  # noqa: S608 - ours
    'WHERE id = %s AND state = %s AND "bytes" = %s AND path = %s AND moved_at IS NULL'
)
BY = " AND EXISTS (SELECT 1 FROM cameras_devicetoken WHERE id = %s AND revoked_at IS NULL)"
TOTAL = (
    'UPDATE storage_total SET "bytes" = "bytes" + %s, ms = ms + %s, '
    "day_bytes = CASE WHEN day = %s THEN day_bytes + %s ELSE %s END, day = %s WHERE camera_id = %s RETURNING day_bytes"
)
LATEST = "UPDATE cameras_camera SET latest_at = %s WHERE id = %s AND (latest_at IS NULL OR latest_at < %s)"


@dataclass(slots=True)
class Change:
    """`count` more bytes of a chunk are durable. `by`: the token that must still be good. A refusal until written."""

    chunk: Chunk
    growth: Growth
    count: int
    length: int | None
    now: datetime
    by: DeviceToken | None = None
    day_bytes: int = 0  # the camera's of this day, afterwards
    error: Exception | None = field(default_factory=lambda: StorageFailing("The database takes nothing just now."))
    answered: threading.Event = field(default_factory=threading.Event)
    values: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = self.chunk.bytes + self.count
        closes = size == self.length
        self.values = {name: getattr(self.growth, name) for name in Growth.__slots__}
        self.values |= {"bytes": size, "length": self.length, "appended_at": self.now}
        self.values |= {"state": Chunk.State.CLOSED if closes else Chunk.State.OPEN}
        self.values |= {"closed_at": self.now if closes else None}

    @property
    def added_ms(self) -> int:
        """More footage."""
        return self.growth.ended_ms - self.chunk.started_ms - self.growth.missing_ms - self.chunk.stored_ms


class Turns:
    """Changes of this process: who comes to an empty list writes for all who are on it when its turn comes."""

    def __init__(self) -> None:
        self._turn, self._gate = threading.Lock(), threading.Lock()
        self._waiting: list[Change] = []

    def confirm(self, change: Change) -> None:
        """Returns when the change is durable, and `chunk` says so; raises OffsetWrong, TokenInvalid, StorageFailing."""
        with self._gate:
            self._waiting.append(change)
            writes = len(self._waiting) == 1
        if writes:
            with self._turn:
                with self._gate:
                    together, self._waiting = self._waiting, []
                _write_together(sorted(together, key=lambda one: (one.chunk.camera_id, one.chunk.pk)))
        else:
            change.answered.wait()
        if change.error is not None:
            raise change.error
        for name, value in change.values.items():
            setattr(change.chunk, name, value)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No change is written meanwhile: for another transaction of this process.

        SQLite would make one of the two sleep and look again, longer each time, instead of waking it.
        """
        with self._turn:
            yield


TURNS = Turns()


def _write_together(changes: Sequence[Change]) -> None:
    """One transaction for all; should the database refuse that, one for each. None of them stays without an answer."""
    try:
        for change, error in zip(changes, _write_in_one(changes), strict=True):
            change.error = error
    except DatabaseError as refusal:
        if len(changes) == 1:
            log.error("The database does not work: %s", refusal)
        else:
            for change in changes:
                _write_together([change])
    finally:
        for change in changes:
            change.answered.set()


@transaction.atomic
def _write_in_one(changes: Sequence[Change]) -> list[Exception | None]:
    return [_write(change) for change in changes]


def _write(change: Change) -> Exception | None:
    """The rows of one change; what is wrong with it when the chunk or the token changed in the meantime."""
    chunk, more_ms = change.chunk, change.added_ms
    words = [
        TRANSLATED[name].get_db_prep_save(change.values[name], connection)
        if name in TRANSLATED
        else change.values[name]
        for name in COLUMNS
    ]
    words += [chunk.pk, str(chunk.state), chunk.bytes, chunk.path]
    with connection.cursor() as cursor:
        if change.by is None:
            cursor.execute(CHUNK, words)
        else:
            cursor.execute(CHUNK + BY, [*words, change.by.pk])
        if cursor.rowcount != 1:
            alive = change.by is None or DeviceToken.objects.alive().filter(pk=change.by.pk).exists()
            return OffsetWrong() if alive else TokenInvalid("This device token does not work here.")
        if change.count:
            day = DAY.get_db_prep_save(change.now.date(), connection)
            more = [change.count, more_ms, day, change.count, change.count, day, chunk.camera_id]
            cursor.execute(TOTAL, more)
            rows = cursor.fetchall()
            if not rows:  # its first bytes ever
                Total.objects.add(chunk.camera_id, bytes=change.count, ms=more_ms, day=change.now.date())
            change.day_bytes = rows[0][0] if rows else change.count
        if change.growth.whole_bytes > chunk.whole_bytes:
            until = LATEST_AT.get_db_prep_save(min(instant_of(change.growth.ended_ms), change.now), connection)
            cursor.execute(LATEST, [until, chunk.camera_id, until])
    return None
