"""Exports are made: parts of footage copied into plain MP4 files, several of them into a zip that proves itself.

Nothing is encoded anew, and nothing is held in memory but a piece of a file and the tables of one part.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, cast

from django.conf import settings
from django.utils import timezone

from accounts.errors import NotAllowed, UcamError
from cameras.models import Camera
from storage import movie
from storage.disk import critical_below
from storage.errors import ExportCancelled, NothingStored, StorageFailing, StorageFull
from storage.export_words import COPYING
from storage.manifest import Made, papers
from storage.models import Chunk, Export
from storage.models.chunk import instant_of
from storage.plan import Part, entries_of, plan
from storage.reading import Reader, open_chunk
from storage.samples import Samples
from storage.volume import disk_errors

PIECE_BYTES = 2**20
TOLD_EVERY_S = 0.5
ROOM_EVERY_BYTES = 64 * 2**20
log = logging.getLogger(__name__)


def make(export: Export) -> None:
    """Make one claimed export; its row says how it ended."""
    folder = Path(settings.UCAM_EXPORTS)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = folder / f"{export.pk}.part"
    try:
        with disk_errors():
            _make(export, partial)
    except ExportCancelled:
        log.info("%s was cancelled.", export)
    except UcamError as error:
        export.fail(f"{error.message} {error.hint}".strip(), timezone.now())
        log.warning("%s failed: %s", export, error.message)
    except Exception:
        export.fail("It failed for a reason that nobody foresaw; the server's log has it.", timezone.now())
        raise
    finally:
        partial.unlink(missing_ok=True)


def sweep() -> None:
    """Delete files of exports that are over, or of workers that died. Call it where no export can be running."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(settings.UCAM_EXPORTS):
            stem = Path(name).stem
            known = re.fullmatch(r"[0-9a-f-]{36}", stem) and Export.objects.filter(pk=stem, state=Export.State.DONE)
            if not (known and known.exists()) or name.endswith(".part"):
                (Path(settings.UCAM_EXPORTS) / name).unlink(missing_ok=True)


def _make(export: Export, partial: Path) -> None:
    if not export.is_allowed():
        raise NotAllowed("You may not take footage of these cameras away any more.")
    cameras = list(export.cameras.select_related("location"))
    parts = [part for camera in cameras for part in plan(camera, export.from_ms, export.to_ms)]
    if not parts:
        raise NothingStored()
    as_zip = export.archive or len(parts) > 1
    name = _name(export, cameras) + (".zip" if as_zip else ".mp4")
    with Output(export, partial, sum(part.bytes for part in parts)) as output:
        if as_zip:
            _write_zip(export, cameras, parts, output)
        else:
            output.message = "Copying."
            _write_part(parts[0], export, output.write)
        output.complete()
    done = Export(pk=export.pk, name=name).file
    os.replace(partial, done)
    message = f"Done: {len(parts)} file{'s' if len(parts) > 1 else ''}."
    if not export.finish(name, output.size, output.sha256.hexdigest(), message, timezone.now()):
        done.unlink(missing_ok=True)


class Output:
    """The file in the making: hashed, counted, told of, stopped when it was cancelled or the disk gets full."""

    def __init__(self, export: Export, path: Path, expected: int) -> None:
        self.export, self.expected = export, max(expected, 1)
        self.message = ""
        self.size = 0
        self.sha256 = hashlib.sha256()
        self._told_at, self._looked_at = 0.0, 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._check_room(expected)

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """May be called twice."""
        descriptor, self._file = self._file, -1
        if descriptor >= 0:
            os.close(descriptor)

    def write(self, data: bytes) -> int:
        """All of it. Raises ExportCancelled, StorageFull."""
        if time.monotonic() - self._told_at > TOLD_EVERY_S:
            self._told_at = time.monotonic()
            if not self.export.progressed(self.size / self.expected, self.message):
                raise ExportCancelled()
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        self.sha256.update(data)
        self.size += len(data)
        if self.size - self._looked_at > ROOM_EVERY_BYTES:
            self._looked_at = self.size
            self._check_room(0)
        return len(data)

    def flush(self) -> None:
        """Nothing waits here: zipfile asks for it."""

    def complete(self) -> None:
        """The file is durable."""
        os.fsync(self._file)

    def _check_room(self, needed: int) -> None:
        """The disk's reserve is not for exports."""
        try:
            facts = os.fstatvfs(self._file)
            free, size = facts.f_bavail * facts.f_frsize, facts.f_blocks * facts.f_frsize
            room = free - critical_below(size, settings.UCAM_DISK_LOW_BYTES)
            if room < needed or room < 0:
                raise StorageFull(
                    f"There is not enough room: this needs {needed / 2**30:.1f} GiB, and "
                    f"{max(room, 0) / 2**30:.1f} GiB of the disk may be used for exports."
                )
        except BaseException:
            self.close()
            raise


def _write_zip(export: Export, cameras: list[Camera], parts: list[Part], output: Output) -> None:
    """MP4 files, manifest, checksums, and how to verify them."""
    made: list[Made] = []
    names: set[str] = set()
    with zipfile.ZipFile(cast(IO[bytes], output), "w", zipfile.ZIP_STORED) as archive:
        for number, part in enumerate(parts, 1):
            output.message = COPYING.format(number=number, count=len(parts), camera=part.camera.shown_name)
            name = _distinct(f"{_safe(str(part.camera.jid))}_{_stamp(part.from_ms)}", names)
            with archive.open(_entry(name), "w", force_zip64=True) as file:
                made.append(_write_part(part, export, file.write, name))
        output.message = "Writing the manifest."
        for name, text in papers(export, cameras, made).items():
            archive.writestr(_entry(name), text)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, time.gmtime()[:6])
    entry.external_attr = 0o644 << 16
    return entry


def _write_part(part: Part, export: Export, write: Callable[[bytes], object], name: str = "") -> Made:
    """One MP4, first what players need to begin, then the samples as they lie on storage."""
    samples = _gather(part, export.to_ms if export.exact else None)
    begin = _media_time(part, export.from_ms) if export.exact and export.from_ms > part.from_ms else None
    end = _media_time(part, export.to_ms, last=True) if export.exact and export.to_ms < part.to_ms else None
    sha256, size = hashlib.sha256(), 0
    for data in _bytes(part, samples, movie.head(samples, begin, end)):
        write(data)
        if name:  # alone it is the whole output, which is hashed anyway
            sha256.update(data)
        size += len(data)
    from_ms = part.from_ms if begin is None else export.from_ms
    to_ms = part.to_ms if end is None else export.to_ms
    return Made(part, name, size, sha256.hexdigest(), from_ms, to_ms)


def _gather(part: Part, until_ms: int | None) -> Samples:
    samples: Samples | None = None
    for number, piece in enumerate(part.pieces):
        until = None if until_ms is None else _instant_in_media(piece.chunk, until_ms)
        with contextlib.closing(open_chunk(piece.chunk)) as reader:
            samples = samples or Samples(reader.read_at(0, piece.chunk.init_bytes))
            for entry in entries_of(piece):
                samples.add(number, reader, entry, until)
    if samples is None or not samples.video.sizes:
        raise NothingStored()
    return samples


def _bytes(part: Part, samples: Samples, head: list[bytes]) -> Iterator[bytes]:
    """The whole file, piece by piece."""
    yield from head
    runs = zip(samples.sources, samples.starts, samples.lengths, strict=True)
    for source, of_source in groupby(runs, key=itemgetter(0)):
        with contextlib.closing(open_chunk(part.pieces[source].chunk)) as reader:
            for _, start, length in of_source:
                yield from _read(reader, start, length)


def _media_time(part: Part, ms: int, *, last: bool = False) -> Fraction:
    """Seconds of media time at an instant, by the chunk at that end of the part."""
    return _instant_in_media(part.pieces[-1 if last else 0].chunk, ms)


def _instant_in_media(chunk: Chunk, ms: int) -> Fraction:
    return Fraction(chunk.first_tfdt, chunk.timescale) + Fraction(ms - chunk.started_ms, 1000)


def _read(reader: Reader, start: int, length: int) -> Iterator[bytes]:
    while length:
        data = reader.read_at(start, min(PIECE_BYTES, length))
        if not data:
            raise StorageFailing("A file of footage is shorter than it was: run manage.py check_storage.")
        yield data
        start, length = start + len(data), length - len(data)


def _name(export: Export, cameras: list[Camera]) -> str:
    """Without its ending: the camera (or how many), from and to."""
    who = str(cameras[0].jid) if len(cameras) == 1 else f"{len(cameras)}-cameras"
    return f"{_safe(who)}_{_stamp(export.from_ms)}_{_stamp(export.to_ms)}"


def _safe(text: str) -> str:
    """Fit for a file name on any system."""
    return re.sub(r"[^A-Za-z0-9@._-]", "_", text)[:80]


def _stamp(ms: int) -> str:
    return instant_of(ms).strftime("%Y%m%dT%H%M%SZ")


def _distinct(stem: str, names: set[str]) -> str:
    """A name that is not among `names` yet, added to them."""
    name, number = f"{stem}.mp4", 1
    while name in names:
        number += 1
        name = f"{stem}-{number}.mp4"
    names.add(name)
    return name
