"""The recordings that are still on the camera: chunks by boot, gaps, quota, and what a crash left behind.

Everything here blocks on the disk and belongs to one thread.
"""

from __future__ import annotations

import errno
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ucam_boxes import Fragment, Init
from ucam_protocol import Settings
from ucam_sentences import Said, say

from . import gaps, wallclock
from .ballast import NO_SPACE, Ballast
from .bootfile import Boot, read_boot, write_boot
from .chunk import Chunk, OpenChunk, Sidecar, sidecar_of
from .config import sync_directory
from .disk import FREE_FLOOR_BYTES, unwritable
from .gaps import Gap
from .mending import End, Mended, Mender
from .stock import Aside, Held, SpoolFull, Stock

log = logging.getLogger(__name__)

QUOTA_PARTS = 4  # a chunk has at most this part of the quota, so that the oldest can go without the newest
CUT_TOLERANCE_S = 0.05
STEP_MS = 1000
HUNG = "it takes too long"
_BOOT = re.compile(r"^[0-9a-f]{32}$")

Tell = Callable[[dict[str, Any]], None]


def state_event(part: str, state: str, words: str) -> dict[str, Any]:
    """How a part is, as the recorder tells it (docs/architecture.md, live.sock)."""
    told = {"event": "state", "part": part, "state": state, "words": words}
    return told | ({"said": words.sentences} if isinstance(words, Said) else {})


@dataclass(slots=True)
class Hole:
    """A gap whose end is not known yet; it begins where the last recording ended."""

    cause: str
    detail: str

    def __post_init__(self) -> None:
        self.detail = str(self.detail)  # plain, as it is written into files


@dataclass(slots=True)
class Run:
    """One run of the pipeline, from the first fragment on: its init, and when its first frame was taken."""

    init: bytes
    facts: Init
    first_mono_ns: int
    number: int = 0
    first_tfdt: int = 0

    def mono_ns(self, tfdt: int) -> int:
        """When the frame with this decode time was taken, on CLOCK_MONOTONIC."""
        return self.first_mono_ns + (tfdt - self.first_tfdt) * 1_000_000_000 // self.facts.timescale


@dataclass(slots=True)
class _Torn:
    """A chunk that could not be closed; `size` bytes of it are durable."""

    chunk: Chunk
    size: int
    dropped: int


@dataclass(slots=True)
class Spool:
    """The spool folder. `tell` gets the events for live.sock. No method raises OSError: a broken disk is a state."""

    folder: Path
    settings: Settings
    kernel_boot_id: str
    tell: Tell
    free_floor_bytes: int = FREE_FLOOR_BYTES
    recorded: int = 0
    lost: int = 0
    _boot: Boot | None = None
    _mender: Mender | None = None
    _stock: Stock = field(init=False)
    _utc_minus_mono_ms: int | None = None
    _open: OpenChunk | None = None
    _torn: list[_Torn] = field(default_factory=list)
    _run: Run | None = None
    _hole: Hole | None = None
    _ended_ms: int | None = None
    _ended_mono_ns: int | None = None
    _broken: str = ""
    _dropped: int = 0
    _ballast: Ballast = field(init=False)

    def __post_init__(self) -> None:
        self._ballast = Ballast(self.folder / "ballast")
        self._stock = Stock(self.folder)

    # ------------------------------------------------------------ for the writer

    def open(self) -> None:
        """Mends what the last process left; does nothing when that is done already."""
        try:
            self._ready()
        except OSError as error:
            self._fail(error, 0, 0)

    def begin_run(self, hole: Hole | None) -> None:
        """A new pipeline: what follows has a new init and a decode time of its own, after a hole with this cause."""
        self._run = None
        if hole and self._hole is None and self._ended_ms is not None:
            self._hole = hole

    def rest(self, detail: str) -> None:
        """Off by choice until now, since the last recording or the last such call."""
        try:
            self._rest(self._ready(), detail)
        except OSError as error:
            self._fail(error, 0, self._dropped)

    def know_time(self, utc_minus_mono_ms: int) -> None:
        """The right time has been confirmed: the next process of this boot shall know it, and so shall the next boot,
        which has to say since when there is nothing.
        """
        self._utc_minus_mono_ms = utc_minus_mono_ms
        if self._boot is not None:
            self._boot.utc_minus_mono_ms = utc_minus_mono_ms
            try:
                self._write_boot(self._boot)
            except OSError as error:  # with the next chunk, then
                log.warning("The time cannot be written down (%s).", error.strerror)

    def note(self, hole: Hole) -> None:
        """The process is about to end for this cause: the next one shall not take it for a crash."""
        if self._boot is None:
            return
        self._boot.cause, self._boot.detail = hole.cause, hole.detail
        try:
            self._write_boot(self._boot)
        except OSError as error:
            self._fail(error, 0, self._dropped)

    def write(self, content: bytes, fragment: Fragment, run: Run, dropped: int) -> None:
        """Makes one fragment durable and tells of it. `dropped`: frames lost before the encoder until now."""
        try:
            self._write_on_full_disk(content, fragment, run, dropped)
        except OSError as error:
            self._fail(error, fragment.frames, dropped)
            return
        self._ballast.lay()
        self.recorded += fragment.frames
        if self._broken:
            self._broken = ""
            self.tell(state_event("spool", "ok", say("Recording again.")))

    def skip(self, frames: int, dropped: int) -> None:
        """So many frames were never given to `write`, because it took too long."""
        self._fail(OSError(errno.ETIMEDOUT, HUNG), frames, dropped)

    def tell_hung(self) -> None:
        """Says that the disk takes nothing. Any thread."""
        log.error("The disk takes nothing any more (%s). Frames are being lost.", HUNG)
        self.tell(state_event("spool", "broken", unwritable(HUNG)))

    def close(self, dropped: int) -> None:
        """Closes the open chunk, if there is one."""
        try:
            self._close_open(dropped)
        except OSError as error:
            self._fail(error, 0, dropped)

    @property
    def held_bytes(self) -> int:
        """All chunks together, and what was set aside."""
        return self._stock.bytes + (self._open.size if self._open else 0)

    # ------------------------------------------------------------ writing

    def _write_on_full_disk(self, content: bytes, fragment: Fragment, run: Run, dropped: int) -> None:
        """Others may have filled it to the last byte; what is here can make room only if that can be written down."""
        try:
            self._write(content, fragment, run, dropped)
        except OSError as error:
            if error.errno not in NO_SPACE or not self._ballast.throw_off():
                raise
            self._tear(dropped)
            self._write(content, fragment, run, dropped)

    def _write(self, content: bytes, fragment: Fragment, run: Run, dropped: int) -> None:
        boot = self._ready()
        self._mend_torn()
        if run is not self._run:
            self._close_open(dropped)
            self._enter_run(boot, run, fragment)
        if self._open and self._full(self._open, fragment, len(content)):
            self._close_open(dropped)
        self._make_room(boot, len(content) + (0 if self._open else len(run.init)))
        self._open = self._open or self._begin_chunk(boot, fragment, run, dropped)
        offset = self._open.append(content, fragment)
        self._open.note_dropped(dropped - self._dropped)
        self._ended_ms, self._ended_mono_ns = self._open.ended_ms, self._open.ended_mono_ns
        event = {"event": "fragment", "boot": boot.boot, "seq": self._open.chunk.seq}
        self.tell({**event, "offset": offset, "length": len(content)})

    def _rest(self, boot: Boot, detail: str) -> None:
        mono_ns = time.monotonic_ns()
        now_ms = wallclock.utc_ms(mono_ns)
        if self._ended_mono_ns is not None and mono_ns <= self._ended_mono_ns:
            return  # the last fragment ends when its last frame does, which is not yet
        self._hole = self._hole or Hole("off", detail)
        self._fill_hole(boot, now_ms, mono_ns)
        self._ended_ms = boot.rested_ms = now_ms
        self._ended_mono_ns = boot.rested_mono_ns = mono_ns
        boot.cause = boot.detail = ""
        self._write_boot(boot)

    def _enter_run(self, boot: Boot, run: Run, fragment: Fragment) -> None:
        if not run.number:
            run.number, run.first_tfdt = boot.next_run, fragment.tfdt
            boot.next_run += 1
            self._write_boot(boot)
        self._run = run

    def _full(self, chunk: OpenChunk, fragment: Fragment, size: int) -> bool:
        ticks = fragment.tfdt - chunk.sidecar.first_tfdt
        # A clock that was stepped: what follows is placed by the new time, what is there keeps the old one until then.
        stepped = abs(wallclock.utc_ms(chunk.sidecar.started_mono_ns) - chunk.sidecar.started_ms) > STEP_MS
        long = stepped or ticks >= (self.settings.chunk_s - CUT_TOLERANCE_S) * chunk.sidecar.timescale
        return long or chunk.size + size > self.settings.spool_max_bytes // QUOTA_PARTS

    def _make_room(self, boot: Boot, need: int) -> None:
        self._stock.make_room(
            need,
            open_bytes=self._open.size if self._open else 0,
            most_bytes=self.settings.spool_max_bytes,
            floor_bytes=self.free_floor_bytes,
            boot=boot.boot,
        )

    def _begin_chunk(self, boot: Boot, fragment: Fragment, run: Run, dropped: int) -> OpenChunk:
        mono_ns = run.mono_ns(fragment.tfdt)
        started_ms = wallclock.utc_ms(mono_ns)
        started = {"started_ms": started_ms, "started_mono_ns": mono_ns, "clock": wallclock.state()}
        self._fill_hole(boot, started_ms, mono_ns)
        folder = self.folder / boot.boot
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            sync_directory(self.folder)
        seq = boot.next_seq
        sidecar = sidecar_of(boot.boot, seq, run.number, run.facts, fragment, started)
        chunk = OpenChunk(Chunk(folder, seq), sidecar, run.init)
        boot.next_seq += 1
        boot.cause = boot.detail = ""
        try:
            self._write_boot(boot)
        except OSError:
            # The number is given again: nothing has been written under it.
            boot.next_seq -= 1
            chunk.drop()
            raise
        self._dropped = dropped
        return chunk

    def _fill_hole(self, boot: Boot, to_ms: int, to_mono_ns: int) -> None:
        """Writes the gap between the last recording and this instant, if there is one."""
        if self._hole is None or self._ended_ms is None:
            self._hole = None
            return
        gap = Gap(
            boot=boot.boot,
            cause=self._hole.cause,
            from_ms=self._ended_ms,
            to_ms=to_ms,
            detail=self._hole.detail,
            from_mono_ns=self._ended_mono_ns,
            to_mono_ns=to_mono_ns,
        )
        gaps.write(self.folder, gap)
        self._hole = None

    def _close_open(self, dropped: int) -> None:
        if self._open is None or self._boot is None:
            return
        sidecar = self._open.close(dropped - self._dropped)
        closed, self._open = self._open, None
        self._keep(closed.chunk, sidecar)

    def _tear(self, dropped: int) -> None:
        """Gives the open chunk up: it is mended by name as soon as the disk works."""
        if self._open is not None:
            self._open.drop()
            self._torn.append(_Torn(self._open.chunk, self._open.size, dropped - self._dropped))
            self._open = None

    def _mend_torn(self) -> None:
        while self._torn:
            torn = self._torn[0]
            if self._mender:
                self._mender.forget_empty(torn.chunk, torn.size)
                self._mender.tell_damaged(torn.chunk, torn.size)
            self._keep(torn.chunk, torn.chunk.mend(torn.size, torn.dropped))
            self._torn.pop(0)

    def _keep(self, chunk: Chunk, sidecar: Sidecar | None) -> None:
        if sidecar is None:
            if chunk.set_aside.exists():
                self._stock.aside.append(Aside.of(chunk.set_aside))
        else:
            self._stock.closed.append(Held(chunk, sidecar))
            self.tell({"event": "chunk_closed", "boot": sidecar.boot, "seq": sidecar.seq})

    def _write_boot(self, boot: Boot) -> None:
        write_boot(self.folder, boot)

    # ------------------------------------------------------------ a broken disk

    def _fail(self, error: OSError, frames: int, dropped: int) -> None:
        """Counts what was lost and says so, once until it works again."""
        self.lost += frames
        full = isinstance(error, SpoolFull)
        if frames and self._ended_ms is not None and self._hole is None:
            self._hole = Hole("spool_full" if full else "disk", str(error))
        words = error.args[0] if full else unwritable(error.strerror)
        if words != self._broken:
            self._broken = words
            log.error("%s Frames are being lost.", words)
            self.tell(state_event("spool", "broken", words))
        # What follows does not join what is there: it begins another chunk, behind a gap.
        self._tear(dropped)

    # ------------------------------------------------------------ after a crash

    def _ready(self) -> Boot:
        if self._boot is None:
            (self.folder / "gaps").mkdir(mode=0o700, parents=True, exist_ok=True)
            self._recover()
        if self._boot is None:
            raise OSError(errno.EIO, "the spool could not be read")
        return self._boot

    def _recover(self) -> None:
        """Mends every chunk, finds the next numbers, and notes the hole since the last recording."""
        last = read_boot(self.folder)
        rebooted = last is None or last.kernel_boot_id != self.kernel_boot_id
        boot = Boot(kernel_boot_id=self.kernel_boot_id, boot=uuid.uuid4().hex) if last is None or rebooted else last
        boot.utc_minus_mono_ms = boot.utc_minus_mono_ms if self._utc_minus_mono_ms is None else self._utc_minus_mono_ms
        self._mender = Mender(self.folder, boot)
        known = {path.name: self._mender.folder(path) for path in self.folder.iterdir() if _BOOT.match(path.name)}
        here = known.get(boot.boot, Mended()).held
        if here:
            boot.next_seq = max(boot.next_seq, here[-1].sidecar.seq + 1)
            boot.next_run = max(boot.next_run, here[-1].sidecar.run + 1)
        write_boot(self.folder, boot)
        self._boot = boot
        oldest_first = sorted(known, key=lambda name: (name == boot.boot, _started_ms(known[name].held)))
        self._stock.closed = [held for name in oldest_first for held in known[name].held]
        self._stock.aside = [one for name in oldest_first for one in known[name].aside]
        self._note_hole([known[name] for name in oldest_first], known.get(last.boot) if last else None, last)

    def _note_hole(self, all_: list[Mended], in_last: Mended | None, last: Boot | None) -> None:
        """Since when nothing is recorded: since the last recording or rest of the last boot; one in which there was
        neither left no trace, then since the newest of all.
        """
        rested = End(last.rested_ms, last.rested_mono_ns) if last and last.rested_ms else None
        ends = [one for one in (in_last.end if in_last else None, rested) if one]
        by_mono = all(one.mono_ns for one in ends)
        of_last = max(ends, key=lambda one: one.mono_ns if by_mono else one.ms, default=None)
        end = of_last or next((one.end for one in reversed(all_) if one.end), None)
        if end is None:
            return
        self._ended_ms = end.ms
        rebooted = last is None or last.kernel_boot_id != self.kernel_boot_id
        if of_last and of_last.mono_ns and last and not rebooted:
            self._ended_mono_ns = of_last.mono_ns
        elif of_last and of_last.mono_ns and last and last.utc_minus_mono_ms is not None:
            self._ended_ms = _right_ms(of_last, last.utc_minus_mono_ms)
        if rebooted:
            self._hole = Hole("power", "The camera was off or restarted.")
        elif last and last.cause:
            self._hole = Hole(last.cause, last.detail)
        elif of_last is None:
            self._hole = Hole("power", "The camera was off or restarted, and its recorder once more before a picture.")
        else:
            self._hole = Hole("recorder", "The recorder stopped or died and was started again.")


def _right_ms(end: End, utc_minus_mono_ms: int) -> int:
    """An end by the time that was confirmed in its boot; a clock that was right to a second is left alone."""
    right_ms = utc_minus_mono_ms + end.mono_ns // 1_000_000
    return end.ms if abs(right_ms - end.ms) <= STEP_MS else right_ms


def _started_ms(chunks: list[Held]) -> int:
    return chunks[0].sidecar.started_ms if chunks else 0
