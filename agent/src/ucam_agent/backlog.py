"""What of the spool storage does not have yet: chunks with how far each was shipped, and the next bytes of each."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ucam_boxes import BoxesError, Fragment, Init, read_init, whole_fragments

from .chunk import Chunk, Sidecar
from .clock import Clock
from .config import replace_file

INIT_BYTES_MAX = 256 * 1024
PIECE_BYTES_MAX = 8 * 2**20  # storage takes no more at once; a long group of a good camera is larger
SPANS_MAX = 200
SEAM_MS = 100
SETBACKS_MAX = 3
TRUSTED_AFTER_NS = 3600 * 1_000_000_000
_BOOT = re.compile(r"^[0-9a-f]{32}$")
_SIDECAR = re.compile(r"^(\d{8,})\.json$")

Name = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one PATCH: one fragment or, of a large one, a part; the first with the init in front.

    `until_ms`: UTC of the fragment's end; None as long as more of it must follow.
    """

    content: bytes
    until_ms: int | None


@dataclass(slots=True, eq=False)
class Shipment:
    """One chunk on its way. `offset`: bytes confirmed by storage; `durable`: bytes the recorder has told of.

    `shift_ms`: the server's clock minus the one by which it was begun, once that is known (`placed`).
    """

    chunk: Chunk
    sidecar: Sidecar
    offset: int = 0
    durable: int = 0
    url: str = ""
    done: bool = False
    refused: bool = False
    busy: bool = False
    failures: int = 0
    setbacks: int = 0
    shipped_until_ms: int | None = None
    placed: bool = False
    shift_ms: int = 0
    before_last: int = 0
    forgotten: bool = False  # storage did not know it any more, and has taken nothing since
    noted: int = 0  # what is written down as confirmed
    _init: Init | None = field(default=None, repr=False)
    _boundary: int = 0  # where a fragment begins, not behind `offset` as far as is known

    @property
    def name(self) -> Name:
        return self.sidecar.boot, self.sidecar.seq

    @property
    def open_for_work(self) -> bool:
        return not (self.done or self.refused or self.busy)

    @property
    def recorded_bytes(self) -> int:
        """How many bytes there are to ship, as far as is known."""
        return self.sidecar.bytes if self.sidecar.closed else max(self.durable, self.offset)

    def facts(self) -> dict[str, str]:
        """Upload-Metadata of the creation."""
        names = ("boot", "seq", "run", "started_mono_ns", "clock")
        facts = {name: str(getattr(self.sidecar, name)) for name in names}
        more = {"clock": "synchronised"} if self.placed else {}
        return {**facts, "started_ms": str(self.started_ms), **more}

    @property
    def started_ms(self) -> int:
        """When it began, by the server's clock where that is known."""
        return self.sidecar.started_ms + self.shift_ms

    def place(self, clock: Clock) -> None:
        """Finds out when it really began; once. The present boot's only: the clock is kept on its monotonic time."""
        sidecar = self.sidecar
        right_ms = None if self.placed else clock.corrected_ms(sidecar.started_ms, sidecar.started_mono_ns)
        if right_ms is None:
            return
        long_ago = time.monotonic_ns() - sidecar.started_mono_ns > TRUSTED_AFTER_NS
        # Monotonic clocks drift: what a clock that counted as right said long ago is nearer to the truth.
        if not (sidecar.clock == "synchronised" and long_ago):
            self.shift_ms = right_ms - sidecar.started_ms
        self.placed = True

    def next_piece(self) -> Piece | None:
        """The fragment after what storage has, None when there is none (yet). Blocks on the disk; raises OSError."""
        with open(self.chunk.media, "rb") as file:
            try:
                self._init = self._init or read_init(file.read(INIT_BYTES_MAX))
            except BoxesError:
                return None
            fragment = self._whole(self._first_two(file, self._init))
            if fragment is None:
                return None
            self._boundary, end = fragment.offset, fragment.offset + fragment.size
            file.seek(self.offset)
            content = file.read(min(end - self.offset, PIECE_BYTES_MAX))
        return Piece(content, self._end_ms(fragment) if self.offset + len(content) == end else None)

    def _first_two(self, file: BinaryIO, init: Init) -> list[Fragment]:
        """The fragments of which storage lacks something; it may have a part of the first one."""
        walked = self._boundary if init.size <= self._boundary <= self.offset else init.size
        for start in (self.offset or init.size, walked):
            fragments = whole_fragments(file, start, init=init, end=self._limit())
            if found := list(islice((one for one in fragments if one.offset + one.size > self.offset), 2)):
                return found
        return []

    def _limit(self) -> int | None:
        if self.sidecar.closed:
            return self.sidecar.bytes
        return self.durable or None

    def _whole(self, found: list[Fragment]) -> Fragment | None:
        """In an open chunk of which the recorder has told nothing, the last fragment may still be growing."""
        if not self.sidecar.closed and not self.durable and len(found) < 2:
            return None
        return found[0] if found else None

    def _end_ms(self, fragment: Fragment) -> int:
        ticks = fragment.tfdt + fragment.duration - self.sidecar.first_tfdt
        return self.started_ms + ticks * 1000 // self.sidecar.timescale

    def confirm(self) -> None:
        """Write down how much storage has. Being behind is harmless (HEAD tells), so nothing is fsynced.

        The full number is written only once storage has closed the chunk, so that a restart knows what is left to do.
        """
        count = self.sidecar.bytes if self.done else self.before_last
        replace_file(self.chunk.confirmed, str(count), durable=False)
        self.noted = count

    def span(self, now_ms: int) -> tuple[int, int]:
        """What storage lacks of it, from and to in ms of UTC."""
        until = self.shipped_until_ms
        end_ms = self.sidecar.ended_ms + self.shift_ms if self.sidecar.closed else max(now_ms, self.started_ms)
        return min(end_ms, until if until is not None else self.started_ms), end_ms


class Backlog:
    """All chunks of the spool, as the shipper knows them."""

    def __init__(self, spool: Path, clock: Clock | None = None) -> None:
        self._spool, self._clock = spool, clock
        self._shipments: dict[Name, Shipment] = {}
        self._boot = ""
        self._newest: Shipment | None = None

    def __iter__(self) -> Iterator[Shipment]:
        return iter(list(self._shipments.values()))

    def find(self, boot: str, seq: int) -> Shipment | None:
        """The chunk of this name; looked up on the disk when it is new."""
        known = self._shipments.get((boot, seq))
        return known or (self._take(Chunk(self._spool / boot, seq)) if _BOOT.match(boot) else None)

    @property
    def boot(self) -> str:
        """The present boot's id; empty before anything was recorded."""
        return self._boot

    def drop(self, shipment: Shipment) -> None:
        """The recorder has deleted it."""
        self._shipments.pop(shipment.name, None)
        if shipment is self._newest:
            self._newest = self._find_newest()

    def closed(self, shipment: Shipment) -> None:
        """Its sidecar was replaced: read it again."""
        sidecar = shipment.chunk.read_sidecar()
        if sidecar is not None:
            shipment.sidecar = sidecar
        self._note(shipment)

    def _note(self, shipment: Shipment) -> None:
        """That storage has all of it, if that could not be written down before: the recorder lets such chunks go first,
        and takes others that must go for lost.
        """
        if shipment.done and shipment.sidecar.closed and shipment.noted < shipment.sidecar.bytes:
            with suppress(OSError):  # at the next look again
                shipment.confirm()

    def scan(self) -> None:
        """Bring it in line with the disk. Blocks; the number of closed chunks costs only names, not reads.

        Raises OSError when something could not be read; all else is known then.
        """
        self._boot = self._current_boot()
        seen: set[Name] = set()
        unreadable: OSError | None = None
        for folder in self._folders():
            for seq in _numbers(folder):
                seen.add((folder.name, seq))
                try:
                    self._refresh((folder.name, seq), Chunk(folder, seq))
                except OSError as error:
                    unreadable = error
        for name in set(self._shipments) - seen:
            self._shipments.pop(name, None)
        self._newest = self._find_newest()
        if unreadable is not None:
            raise unreadable

    def newest(self) -> Shipment | None:
        """The chunk that is being recorded, or was last."""
        return self._newest

    def oldest(self) -> Shipment | None:
        """The chunk to ship beside the newest; one that fails again and again lets the others pass."""
        waiting = (one for one in self._shipments.values() if one.open_for_work and one is not self._newest)
        return min(waiting, key=lambda one: (one.setbacks // SETBACKS_MAX, *self._age(one)), default=None)

    def place(self, shipment: Shipment) -> None:
        """By the server's clock, if that can be told."""
        if self._clock is not None and shipment.sidecar.boot == self._boot:
            shipment.place(self._clock)

    def unshipped(self, now_ms: int) -> list[tuple[int, int]]:
        """Spans (from, to) in ms of UTC that storage lacks, in order, seams closed. `now_ms`: by the server's clock."""
        spans: list[tuple[int, int]] = []
        for one in self:
            if not one.done:
                self.place(one)
        for start, end in sorted(one.span(now_ms) for one in self if not one.done):
            if spans and start - spans[-1][1] <= SEAM_MS:
                spans[-1] = spans[-1][0], max(end, spans[-1][1])
            elif end > start:
                spans.append((start, end))
        # More spans than a report can hold: the oldest are told as one.
        return [(spans[0][0], spans[-SPANS_MAX][1]), *spans[-SPANS_MAX + 1 :]] if len(spans) > SPANS_MAX else spans

    @property
    def bytes(self) -> int:
        return sum(one.recorded_bytes for one in self)

    @property
    def unshipped_bytes(self) -> int:
        return sum(one.recorded_bytes - min(one.offset, one.recorded_bytes) for one in self if not one.done)

    def _age(self, shipment: Shipment) -> tuple[bool, int, int]:
        """Sorts oldest first; the wall clock orders boots as well as it can."""
        sidecar = shipment.sidecar
        return sidecar.boot == self._boot, sidecar.started_ms if sidecar.boot != self._boot else 0, sidecar.seq

    def _refresh(self, name: Name, chunk: Chunk) -> None:
        known = self._shipments.get(name)
        if known is None:
            self._take(chunk)
        elif not known.sidecar.closed:
            self.closed(known)
        else:
            self._note(known)

    def _take(self, chunk: Chunk) -> Shipment | None:
        sidecar = chunk.read_sidecar()
        if sidecar is None or (sidecar.boot, sidecar.seq) != (chunk.folder.name, chunk.seq):
            return None
        confirmed = chunk.confirmed_bytes()
        shipment = Shipment(chunk, sidecar, offset=confirmed, before_last=confirmed, noted=confirmed)
        shipment.done = sidecar.closed and confirmed >= sidecar.bytes > 0
        self._shipments[shipment.name] = shipment
        self._boot = self._boot or sidecar.boot
        if self._newest is None or self._age(shipment) > self._age(self._newest):
            self._newest = shipment
        return shipment

    def _find_newest(self) -> Shipment | None:
        return max(self._shipments.values(), key=self._age, default=None)

    def _folders(self) -> list[Path]:
        try:
            return [path for path in self._spool.iterdir() if _BOOT.match(path.name)]
        except FileNotFoundError:
            return []

    def _current_boot(self) -> str:
        try:
            return str(json.loads((self._spool / "boot.json").read_text())["boot"])
        except (OSError, ValueError, KeyError, TypeError):
            return self._boot


def _numbers(folder: Path) -> list[int]:
    """Of its chunks; none when the recorder has just deleted the last of them, and the folder of that boot."""
    with suppress(FileNotFoundError):
        return [int(match[1]) for path in folder.iterdir() if (match := _SIDECAR.match(path.name))]
    return []
