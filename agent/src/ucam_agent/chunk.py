"""One chunk of the spool: its three files, written in durable order, closed, mended after a crash, deleted."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from ucam_boxes import BoxesError, Fragment, Init, read_init, whole_fragments

from .config import replace_file, sync_directory

log = logging.getLogger(__name__)

INIT_BYTES_MAX = 256 * 1024
LOOK_BYTES = 1024 * 1024


class Sidecar(msgspec.Struct, kw_only=True):
    """What is known about a chunk beside its bytes (docs/architecture.md, Sidecar)."""

    boot: str
    seq: int
    run: int
    started_ms: int
    started_mono_ns: int
    clock: str
    timescale: int
    first_tfdt: int
    codec: str
    width: int
    height: int
    closed: bool = False
    bytes: int = 0
    ended_mono_ns: int = 0
    frames: int = 0
    dropped: int = 0

    @property
    def ended_ms(self) -> int:
        """UTC of its end, by the clock of its start."""
        return self.started_ms + (self.ended_mono_ns - self.started_mono_ns) // 1_000_000

    def mono_ns(self, utc_ms: int) -> int:
        """An instant by the clock of its start, on CLOCK_MONOTONIC of its boot."""
        return self.started_mono_ns + (utc_ms - self.started_ms) * 1_000_000

    def at(self, tfdt: int) -> tuple[int, int]:
        """A decode time of it: UTC in ms by the clock of its start, and ns on CLOCK_MONOTONIC of its boot."""
        ns = (tfdt - self.first_tfdt) * 1_000_000_000 // self.timescale
        return self.started_ms + ns // 1_000_000, self.started_mono_ns + ns


_decoder = msgspec.json.Decoder(Sidecar)


class Chunk:
    """The files `<seq>.mp4`, `.json`, `.confirmed` and `.dropped` of one folder."""

    def __init__(self, folder: Path, seq: int) -> None:
        self.folder, self.seq = folder, seq
        self.media = folder / f"{seq:08d}.mp4"
        self.sidecar = folder / f"{seq:08d}.json"
        self.confirmed = folder / f"{seq:08d}.confirmed"
        self.dropped = folder / f"{seq:08d}.dropped"
        self.set_aside = folder / f"{seq:08d}.damaged"

    def read_sidecar(self) -> Sidecar | None:
        """None when there is none or it is damaged."""
        try:
            return _decoder.decode(self.sidecar.read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def write_sidecar(self, sidecar: Sidecar) -> None:
        """Durably."""
        replace_file(self.sidecar, msgspec.json.encode(sidecar).decode())

    def confirmed_bytes(self) -> int:
        """Bytes that storage has confirmed."""
        return _number(self.confirmed)

    def bytes_on_disk(self) -> int:
        try:
            return self.media.stat().st_size
        except FileNotFoundError:
            return 0

    def delete(self) -> None:
        """The sidecar after the footage: as long as it is there, the next start knows what to finish. What storage has
        confirmed goes last: without it the next start would take what is missing for lost.
        """
        for path in (self.media, self.dropped, self.sidecar, self.confirmed):
            path.unlink(missing_ok=True)
        sync_directory(self.folder)

    def is_empty(self, size: int | None = None) -> bool:
        """Begun, but without any fragment (in its first `size` bytes, where more is not known to be durable)."""
        sidecar = self.read_sidecar()
        if sidecar is None or sidecar.closed or self._whole_fragments(size):
            return False
        return not self.pictures_without_head(size)

    def pictures_without_head(self, size: int | None = None) -> list[Fragment]:
        """The fragments of a file that cannot be read from its head on; none where it can be."""
        try:
            with open(self.media, "rb") as file:
                return [] if self._whole_fragments(size) else list(found_fragments(file, size))
        except FileNotFoundError:
            return []

    def vanished(self) -> Sidecar | None:
        """The facts of a closed chunk whose footage is gone, though storage has not confirmed all of it."""
        sidecar = self.read_sidecar()
        if sidecar is None or not sidecar.closed or self.bytes_on_disk() or self.confirmed_bytes() >= sidecar.bytes:
            return None
        return sidecar

    def unplaced_ms(self) -> int:
        """How long the pictures are of which nobody knows any more when they were taken: the sidecar is gone."""
        if self.read_sidecar() is not None:
            return 0
        with contextlib.suppress(FileNotFoundError, BoxesError), open(self.media, "rb") as file:
            timescale = read_init(file.read(INIT_BYTES_MAX)).timescale
            return sum(one.duration for one in self._whole_fragments()) * 1000 // timescale
        return 0

    def mend(self, size: int | None = None, dropped: int = 0) -> Sidecar | None:
        """After a crash: closes the chunk, its torn tail cut. None (and deleted) when there was nothing to keep.

        `size`: what is known to be durable, `dropped`: frames lost before the encoder during it, where that is known
        better than from `note_dropped`.
        """
        sidecar = self.read_sidecar()
        if sidecar and sidecar.closed and self.bytes_on_disk():
            return sidecar
        fragments = self._whole_fragments(size)
        # Never ours by design; whatever did it, footage is not deleted for it.
        if sidecar is None and fragments:
            self._set_aside("The facts about it are lost")
        elif sidecar and self.pictures_without_head(size):
            self._set_aside("Its beginning is damaged")
        if sidecar is None or not fragments:
            self.delete()
            return None
        self._cut(fragments[-1].offset + fragments[-1].size)
        return self._close(sidecar, fragments, dropped or _number(self.dropped))

    def _set_aside(self, why: str) -> None:
        os.replace(self.media, self.set_aside)
        log.error("%s: %s; its pictures are kept beside as .damaged.", self.media, why)

    def time_of_byte(self, sidecar: Sidecar, count: int) -> int:
        """UTC in ms of the end of the last fragment that lies wholly in the first `count` bytes."""
        inside = [one for one in self._whole_fragments() if one.offset + one.size <= count]
        if not inside:
            return sidecar.started_ms
        return sidecar.at(inside[-1].tfdt + inside[-1].duration)[0]

    def _close(self, sidecar: Sidecar, fragments: list[Fragment], dropped: int) -> Sidecar:
        last = fragments[-1]
        sidecar.closed = True
        sidecar.bytes = last.offset + last.size
        sidecar.frames, sidecar.dropped = sum(fragment.frames for fragment in fragments), dropped
        sidecar.ended_mono_ns = sidecar.at(last.tfdt + last.duration)[1]
        self.write_sidecar(sidecar)
        self.dropped.unlink(missing_ok=True)
        return sidecar

    def _whole_fragments(self, size: int | None = None) -> list[Fragment]:
        try:
            with open(self.media, "rb") as file:
                init = read_init(file.read(INIT_BYTES_MAX))
                return list(whole_fragments(file, init.size, init=init, end=size))
        except (FileNotFoundError, BoxesError):
            return []

    def _cut(self, size: int) -> None:
        with open(self.media, "r+b") as file:
            if file.seek(0, os.SEEK_END) != size:
                file.truncate(size)
            os.fsync(file.fileno())  # also when nothing is cut: who wrote it may have died before its own


class OpenChunk:
    """The chunk that is being written. `size`, `frames` and `end_tfdt` count only what is durable."""

    def __init__(self, chunk: Chunk, sidecar: Sidecar, init: bytes) -> None:
        """Sidecar, then file, then folder; when one fails nothing is left open."""
        self.chunk, self.sidecar = chunk, sidecar
        self.size = self.frames = self._dropped = 0
        self.end_tfdt = sidecar.first_tfdt
        self._init = init
        chunk.write_sidecar(sidecar)
        self._descriptor = os.open(chunk.media, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            sync_directory(chunk.folder)
        except OSError:
            self.drop()
            raise

    def append(self, content: bytes, fragment: Fragment) -> int:
        """Writes one fragment durably; returns its offset. After an OSError the chunk can only be mended."""
        head = b"" if self.size else self._init
        written = memoryview(head + content)
        while written:
            written = written[os.write(self._descriptor, written) :]
        os.fdatasync(self._descriptor)
        offset = self.size + len(head)
        self.size = offset + len(content)
        self.frames += fragment.frames
        self.end_tfdt = fragment.tfdt + fragment.duration
        return offset

    def note_dropped(self, count: int) -> None:
        """Frames lost before the encoder during it so far: for `mend`. A count is worth no fsync, and no failure."""
        if count > self._dropped:
            self._dropped = count
            with contextlib.suppress(OSError):
                replace_file(self.chunk.dropped, str(count), durable=False)

    @property
    def ended_mono_ns(self) -> int:
        ticks = self.end_tfdt - self.sidecar.first_tfdt
        return self.sidecar.started_mono_ns + ticks * 1_000_000_000 // self.sidecar.timescale

    @property
    def ended_ms(self) -> int:
        return self.sidecar.started_ms + (self.ended_mono_ns - self.sidecar.started_mono_ns) // 1_000_000

    def close(self, dropped: int) -> Sidecar:
        """Replaces the sidecar, then gives the file back."""
        self.sidecar.closed, self.sidecar.bytes, self.sidecar.frames = True, self.size, self.frames
        self.sidecar.ended_mono_ns, self.sidecar.dropped = self.ended_mono_ns, dropped
        self.chunk.write_sidecar(self.sidecar)
        if self._dropped:
            self.chunk.dropped.unlink(missing_ok=True)
        self.drop()
        return self.sidecar

    def drop(self) -> None:
        """Gives the file back, however it is. May be called twice."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            # All that counts was fsynced before; on a broken disk even closing can fail.
            with contextlib.suppress(OSError):
                os.close(descriptor)


def found_fragments(file: BinaryIO, end: int | None = None) -> Iterator[Fragment]:
    """Those that lie whole in a file of which nothing else can be read: each `moof` in it is tried."""
    at = 0
    while True:
        file.seek(at)
        block = file.read(LOOK_BYTES)
        found = block.find(b"moof")
        if found < 0:
            if len(block) < LOOK_BYTES:
                return
            at += LOOK_BYTES - len(b"moof") + 1
            continue
        start = at + found - 4
        at += found + 1
        for fragment in whole_fragments(file, start, end=end) if start >= 0 else ():
            yield fragment
            at = fragment.offset + fragment.size


def _number(path: Path) -> int:
    """What a file of one number says; 0 when it is not there or damaged."""
    try:
        return int(path.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def sidecar_of(boot: str, seq: int, run: int, init: Init, fragment: Fragment, started: dict[str, Any]) -> Sidecar:
    """The sidecar of a chunk that begins with `fragment`; `started` holds started_ms, started_mono_ns and clock."""
    return Sidecar(
        boot=boot,
        seq=seq,
        run=run,
        timescale=init.timescale,
        first_tfdt=fragment.tfdt,
        codec=init.codec,
        width=init.width,
        height=init.height,
        **started,
    )
