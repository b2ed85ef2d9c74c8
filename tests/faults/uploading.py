"""A device that ships chunks to the real doors, from a seed, and what must be true of storage whatever happened."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils import timezone

from cameras.models import Camera
from storage.check import Problem, check
from storage.models import Chunk, DeletedUpTo, Gap, Installation, Total
from storage.retention import delete
from storage.volume import Volume
from tests.storage.footage import TEN_O_CLOCK_MS, Device, Footage

HOUR_S = 3600
CHUNK_MS = 10_000
REFUSED = (400, 403, 404, 409, 410, 411, 413, 415, 422, 460, 503)
# Before a fragment is whole its bytes may be anything; a file that began and has no row was told to nobody.
BEGINNINGS = {"row_missing"}


@dataclass
class Upload:
    """One chunk as the device knows it; `confirmed`: bytes that storage said it has."""

    seq: int
    pieces: list[bytes]
    url: str = ""
    confirmed: int = 0
    closed: bool = False
    deleted: bool = False

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)

    def next_piece(self) -> bytes:
        """From where storage is to the end of that fragment."""
        end = 0
        for piece in self.pieces:
            end += len(piece)
            if end > self.confirmed:
                return self.content[self.confirmed : end]
        return b""


@dataclass
class Shipping:
    """A few chunks on their way."""

    device: Device
    uploads: list[Upload]
    codes: Counter[int] = field(default_factory=Counter)
    on_confirmed: Callable[[Upload], None] = lambda _: None

    def create(self, upload: Upload) -> bool:
        """As often as wanted; the same name is the same chunk."""
        answer = self.device.create(upload.seq, started_ms=TEN_O_CLOCK_MS + CHUNK_MS * upload.seq)
        self._count(answer.status_code)
        if answer.status_code == 201:
            upload.url = answer["Location"]
            assert int(answer["Upload-Offset"]) >= upload.confirmed, "storage has lost confirmed bytes"
            upload.confirmed = int(answer["Upload-Offset"])
        return bool(answer.status_code == 201)

    def send(self, upload: Upload, offset: int, body: bytes, length: int | None = None, **headers: Any) -> int:
        """One PATCH; its status. What it confirms is taken down."""
        answer = self.device.patch(upload.url, offset, body, length, **headers)
        self._count(answer.status_code)
        if answer.status_code == 204:
            upload.confirmed = int(answer["Upload-Offset"])
            upload.closed = upload.closed or length is not None
            self.on_confirmed(upload)
        return int(answer.status_code)

    def look(self, upload: Upload) -> int:
        """HEAD; its status. Storage may have more than it could say, never less than it said."""
        answer = self.device.head(upload.url)
        self._count(answer.status_code)
        if answer.status_code == 200:
            assert int(answer["Upload-Offset"]) >= upload.confirmed, "storage has lost confirmed bytes"
            upload.confirmed = int(answer["Upload-Offset"])
        upload.deleted = upload.deleted or answer.status_code == 410
        return int(answer.status_code)

    def advance(self, upload: Upload) -> int:
        """The next thing that a good device does; 0 when there is nothing left."""
        if upload.closed or upload.deleted:
            return 0
        if not upload.url:
            return 201 if self.create(upload) else 503
        piece = upload.next_piece()
        end = upload.confirmed + len(piece)
        return self.send(upload, upload.confirmed, piece, end if end == len(upload.content) else None)

    def finish(self) -> None:
        """Every chunk to its end, as a device does after trouble: it asks how far storage has come and goes on."""
        for upload in self.uploads:
            if upload.url and not upload.deleted:
                self.look(upload)
            while code := self.advance(upload):
                if code == 409:  # somebody else had the file open
                    self.look(upload)
                    continue
                assert code in (201, 204, 403, 410), f"chunk {upload.seq} cannot be completed: {code}"
                upload.deleted = upload.deleted or code == 410
                upload.closed = upload.closed or code == 403

    def delete(self) -> None:
        """As retention does: the oldest, when it is complete."""
        oldest = next((upload for upload in self.uploads if not upload.deleted), None)
        if oldest and oldest.closed:
            with Volume() as volume:
                oldest.deleted = True  # marked before the disk is touched: whatever happens now, it goes
                delete(volume, Chunk.objects.deletable(timezone.now()).filter(seq=oldest.seq))

    def _count(self, code: int) -> None:
        self.codes[code] += 1
        assert code in (200, 201, 204, *REFUSED), f"answered {code}"


def shipping(device: Device, footage: Footage, chance: random.Random, chunks: int, most: int = 6) -> Shipping:
    """Chunks of different lengths, none of which has begun."""
    counts = [chance.randint(1, min(most, len(footage.fragments))) for _ in range(chunks)]
    pieces = [[footage.init + footage.fragments[0], *footage.fragments[1:count]] for count in counts]
    return Shipping(device, [Upload(number + 1, piece) for number, piece in enumerate(pieces)])


def prove(media: Path, ship: Shipping) -> None:
    """One row, one file, right bytes for each chunk, and nothing else."""
    for upload in ship.uploads:
        rows = list(Chunk.objects.filter(seq=upload.seq))
        assert len(rows) == bool(upload.url and not upload.deleted)
        for row in rows:
            stored = (media / row.path).read_bytes()
            assert row.bytes >= upload.confirmed
            assert stored[: row.bytes] == upload.content[: row.bytes], f"chunk {upload.seq} has other bytes"
    assert list(problems(media)) == []
    assert len(list(media.rglob("*.mp4"))) == Chunk.objects.count()


def problems(media: Path, *, repair: bool = False) -> Iterator[Problem]:
    """What check_storage finds, an hour later: so that no file counts as one that begins just now."""
    past = time.time() - HOUR_S
    for path in media.rglob("*.mp4"):
        os.utime(path, (past, past))
    with Volume() as volume:
        yield from check(volume, repair=repair)


def forget_everything() -> None:
    """The ledger as it is before the first chunk, for the next round."""
    for rows in (Chunk, Gap, Total, DeletedUpTo):
        rows.objects.all().delete()
    Camera.objects.update(latest_at=None)
    Installation.objects.update(marked_at=None)
