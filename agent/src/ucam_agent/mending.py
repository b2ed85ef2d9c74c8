"""What a crash or a bad card left of chunks: closed, kept aside, or forgotten, and each loss told as a gap."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from . import gaps
from .bootfile import Boot, write_boot
from .chunk import Chunk, Sidecar
from .gaps import Gap
from .stock import Aside, Held

_CHUNK = re.compile(r"^(\d{8,})\.(json|mp4)$")
SET_ASIDE = "its pictures are kept on the camera as .damaged."


@dataclass(frozen=True, slots=True)
class End:
    """Until when something is known: by the clock of that time, and on CLOCK_MONOTONIC of its boot (0: not known)."""

    ms: int
    mono_ns: int


@dataclass(slots=True)
class Mended:
    """What one boot's folder holds, oldest first. `end`: until when its recordings reach, damaged ones included."""

    held: list[Held] = field(default_factory=list)
    aside: list[Aside] = field(default_factory=list)
    end: End | None = None


class Mender:
    """For one spool and its present boot. Every method blocks on the disk and raises OSError."""

    def __init__(self, spool: Path, boot: Boot) -> None:
        self._spool, self._boot = spool, boot

    def folder(self, folder: Path) -> Mended:
        """All chunks of a boot, after a crash."""
        numbers = sorted({int(match[1]) for path in folder.iterdir() if (match := _CHUNK.match(path.name))})
        found = Mended()
        for seq in numbers:
            chunk = Chunk(folder, seq)
            self.forget_empty(chunk)
            self._tell_vanished(chunk)
            if unplaced_ms := chunk.unplaced_ms():
                after = (Chunk(folder, number).read_sidecar() for number in numbers if number > seq)
                self._tell_unplaced(chunk, unplaced_ms, found.held[-1:], next((one for one in after if one), None))
            elif end := self.tell_damaged(chunk):
                found.end = end
            sidecar = chunk.mend()
            if sidecar is not None:
                found.held.append(Held(chunk, sidecar))
                found.end = End(sidecar.ended_ms, sidecar.ended_mono_ns)
        found.aside = [Aside.of(path) for path in sorted(folder.glob("*.damaged"))]
        return found

    def forget_empty(self, chunk: Chunk, size: int | None = None) -> None:
        """Gives the number of a chunk without a fragment again, before the chunk is deleted: numbers have no holes."""
        if chunk.folder.name != self._boot.boot:
            return
        if chunk.seq >= self._boot.next_seq - 1 and chunk.is_empty(size):
            self._boot.next_seq = chunk.seq
            write_boot(self._spool, self._boot)

    def tell_damaged(self, chunk: Chunk, size: int | None = None) -> End | None:
        """A gap for a chunk that `mend` will set aside, since its head cannot be read; until when it reached."""
        sidecar = chunk.read_sidecar()
        if sidecar is None or sidecar.closed:
            return None
        found = chunk.pictures_without_head(size)
        if not found:
            return None
        confirmed = chunk.confirmed_bytes()
        stored = [one for one in found if one.offset + one.size <= confirmed]
        from_ms, from_mono_ns = sidecar.at(stored[-1].tfdt + stored[-1].duration if stored else sidecar.first_tfdt)
        end = End(*sidecar.at(found[-1].tfdt + found[-1].duration))
        gap = Gap(
            id=gaps.id_of(sidecar.boot, sidecar.seq, "damaged"),
            boot=sidecar.boot,
            cause="corrupt",
            from_ms=from_ms,
            to_ms=end.ms,
            detail=f"The beginning of chunk {chunk.seq} is damaged; {SET_ASIDE}",
            from_mono_ns=from_mono_ns,
            to_mono_ns=end.mono_ns,
        )
        gaps.write(self._spool, gap)
        return end

    def _tell_vanished(self, chunk: Chunk) -> None:
        """A gap for footage of which only the facts are left; the one of its eviction, if that was told before."""
        sidecar = chunk.vanished()
        if sidecar is None:
            return
        gap = gaps.of_chunk(
            sidecar, "corrupt", f"The footage of chunk {chunk.seq} was gone before it could be shipped."
        )
        if not gaps.file_of(self._spool, gap.id).exists():
            gaps.write(self._spool, gap)

    def _tell_unplaced(self, chunk: Chunk, length_ms: int, before: list[Held], after: Sidecar | None) -> None:
        """A gap for pictures that cannot be placed: behind what is before them, in front of what is after, by the time
        of their file when there is neither.
        """
        begin_ms = before[0].sidecar.ended_ms if before else None
        end_ms = after.started_ms if after else None
        if end_ms is None:
            end_ms = chunk.media.stat().st_mtime_ns // 1_000_000 if begin_ms is None else begin_ms + length_ms
        from_ms = end_ms - length_ms if begin_ms is None else max(begin_ms, end_ms - length_ms)
        detail = f"What was known about chunk {chunk.seq} is damaged; {SET_ASIDE}"
        gap = Gap(boot=chunk.folder.name, cause="corrupt", from_ms=from_ms, to_ms=end_ms, detail=detail)
        gaps.write(self._spool, gap)
