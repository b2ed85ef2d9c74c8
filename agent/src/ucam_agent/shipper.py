"""The shipper: appends each fragment to its chunk on storage as it is recorded, and what is behind beside it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ucam_sentences import say

from . import gaps
from .backlog import Backlog, Shipment
from .backoff import Backoff
from .clock import Clock
from .errors import (
    ChecksumWrong,
    ChunkClosed,
    ChunkGone,
    ChunkRefused,
    ChunkUnknown,
    OffsetWrong,
    StorageAway,
    TokenRefused,
)
from .gaps import Gap
from .tus import Storage

log = logging.getLogger(__name__)

FAILURES_MAX = 3
TOKEN_RETRY_S = 60.0
SCAN_EVERY_S = 5.0
CONFIRM_EVERY_S = 15.0
RATE_OVER_S = 60.0
NEAR_RETRY_S = 5.0
PAST_SHARE_MIN = 0.1
PAST_TIMES_WATCHED = 8  # real time; faster, and live pictures of this process would wait behind it


@dataclass(slots=True)
class Reach:
    """Whether storage takes footage, and since when not (time.time()). `noticed_by`: a lane, or the report."""

    words: str = ""
    since_s: float | None = None
    refused: bool = False
    noticed_by: str = ""

    @property
    def away(self) -> bool:
        return self.since_s is not None


class Rate:
    """Bytes per second over the last minute."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, int]] = deque()
        self._began_s = time.monotonic()

    def add(self, count: int) -> None:
        self._marks.append((time.monotonic(), count))

    @property
    def bytes_s(self) -> float:
        now_s = time.monotonic()
        while self._marks and self._marks[0][0] < now_s - RATE_OVER_S:
            self._marks.popleft()
        return sum(count for _, count in self._marks) / max(1.0, min(RATE_OVER_S, now_s - self._began_s))


class Shipper:
    """Two lanes: the newest chunk's fragments as they come, and the oldest of the rest. Neither waits for the other."""

    def __init__(
        self, spool: Path, storage: Storage, on_change: Callable[[], None], clock: Clock | None = None
    ) -> None:
        self._storage, self._spool, self._on_change = storage, spool, on_change
        self._clock = clock or Clock()
        self.backlog = Backlog(spool, self._clock)
        self.reach = Reach()
        self.inflow, self.outflow = Rate(), Rate()
        self.latest_ms: int | None = None  # end of the newest fragment that storage has
        self.uplink_kbit: int | None = None
        self.watched = False  # somebody sees live pictures
        self._near = False
        self.closed: list[Shipment] = []  # shipped to the end, not reported yet
        self._wakes = {"present": asyncio.Event(), "backlog": asyncio.Event()}
        self._back = asyncio.Event()
        self._confirmed_at_s = 0.0
        self._scanned_at_s = 0.0
        self._unreadable = False

    async def run(self) -> None:
        """Ship until cancelled."""
        await self._scan()
        # The chunks that were shipped before this start are reported once more: storage may have missed it.
        self.closed = [one for one in self.backlog if one.done]
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._lane("present", self._present))
            lanes.create_task(self._lane("backlog", self.backlog.oldest))

    # ------------------------------------------------------------ from the recorder

    def fragment_recorded(self, boot: str, seq: int, offset: int, length: int) -> None:
        """A fragment is durable on this camera."""
        self.inflow.add(length)
        shipment = self.backlog.find(boot, seq)
        if shipment is not None:
            shipment.durable = max(shipment.durable, offset + length)
        self._wake()

    def chunk_closed(self, boot: str, seq: int) -> None:
        """The recorder has ended a chunk."""
        shipment = self.backlog.find(boot, seq)
        if shipment is not None:
            self.backlog.closed(shipment)
        self._wake()

    # ------------------------------------------------------------ lanes

    def _wake(self) -> None:
        for wake in self._wakes.values():
            wake.set()

    def _present(self) -> Shipment | None:
        newest = self.backlog.newest()
        return newest if newest is not None and newest.open_for_work else None

    async def _lane(self, name: str, choose: Callable[[], Shipment | None]) -> None:
        wake, backoff = self._wakes[name], Backoff()
        while True:
            wake.clear()
            shipment = choose()
            if shipment is None or not await self._advance(shipment, backoff):
                with suppress(TimeoutError):
                    async with asyncio.timeout(SCAN_EVERY_S):  # wait_for can lose a cancellation (Python < 3.12)
                        await wake.wait()
            await self._scan_now_and_then()

    async def _advance(self, shipment: Shipment, backoff: Backoff) -> bool:
        """Take one step with a chunk; False when there was nothing to do. Waits after a failure."""
        shipment.busy = True
        try:
            moved = await self._step(shipment)
            if moved and not shipment.forgotten:
                shipment.setbacks = 0
                self.reached()
                backoff.reset()
            return moved
        except StorageAway as error:
            shipment.setbacks += 1
            self.missed(error.message, "lane")
            await self._pause(max(backoff.delay_s(), error.retry_after_s))
        except TokenRefused as error:
            self.missed(error.message, "lane", refused=True)
            await self._pause(TOKEN_RETRY_S)
        except FileNotFoundError:
            self.backlog.drop(shipment)
        except OSError as error:
            self._unreadable_here(shipment, str(error.strerror or error))
            await asyncio.sleep(backoff.delay_s())
        finally:
            shipment.busy = False
        return True

    async def _pause(self, wait_s: float) -> None:
        """Wait, but not longer than until somebody has reached storage or the room."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(wait_s, NEAR_RETRY_S) if self._near else wait_s):
                await self._back.wait()

    async def _scan(self) -> None:
        """On a disk that cannot be read nothing can be shipped; live pictures and the room do without it."""
        self._scanned_at_s = time.monotonic()
        try:
            self.backlog.scan()
            self._unreadable = False
        except OSError as error:
            level = logging.DEBUG if self._unreadable else logging.ERROR  # loud once, then quiet
            self._unreadable = True
            log.log(
                level, "The recordings cannot be looked through (%s). Check card and disk.", error.strerror or error
            )

    async def _scan_now_and_then(self) -> None:
        if time.monotonic() - self._scanned_at_s >= SCAN_EVERY_S:
            await self._scan()

    # ------------------------------------------------------------ one step with one chunk

    async def _step(self, shipment: Shipment) -> bool:
        try:
            if not shipment.url:
                return await self._begin(shipment)
            piece = await asyncio.to_thread(shipment.next_piece)
            if piece is not None:
                await self._append(shipment, piece.content)
                if piece.until_ms is None:
                    return True
                shipment.shipped_until_ms = piece.until_ms
                if shipment is self.backlog.newest():
                    self.latest_ms = piece.until_ms
                return True
            if shipment.sidecar.closed:
                await self._end(shipment)
                return True
            return False
        except OffsetWrong as error:
            before, shipment.offset = shipment.offset, (await self._storage.look(shipment.url)).offset
            if shipment.offset == before:  # somebody else's request has the chunk: ours of before, mostly
                raise StorageAway(say("Storage is still busy with this recording.")) from error
        except ChunkGone:
            log.info("Storage has deleted chunk %d already; it is not shipped any more.", shipment.sidecar.seq)
            self._finish(shipment)
        except ChunkUnknown as error:
            log.warning("Storage has forgotten chunk %d; it is shipped anew.", shipment.sidecar.seq)
            shipment.url, shipment.offset = "", 0
            if shipment.forgotten:
                raise StorageAway(
                    say("Storage forgets a recording that it has just begun; its log says why.")
                ) from error
            shipment.forgotten = True
        except ChunkClosed:
            await self._compare(shipment)
        except (ChecksumWrong, ChunkRefused) as error:
            await self._refused(shipment, error.message)
        return True

    async def _begin(self, shipment: Shipment) -> bool:
        """Not before there is a durable fragment: the number of a chunk without any is given again after a crash, and
        storage would take the next one for it, at the time of the first.
        """
        told = shipment.sidecar.closed or shipment.durable
        begun = told or shipment.chunk.bytes_on_disk() > 0
        if not begun:
            return False
        if not told:
            piece = await asyncio.to_thread(shipment.next_piece)
            if piece is None:
                return False
        self.backlog.place(shipment)
        upload = await self._storage.create(shipment.facts())
        shipment.url, shipment.offset = upload.url, upload.offset
        if upload.length is not None and shipment.sidecar.closed:
            await self._compare(shipment)
        return True

    async def _append(self, shipment: Shipment, content: bytes) -> None:
        end = shipment.offset + len(content)
        last = shipment.sidecar.closed and end == shipment.sidecar.bytes
        bytes_s = self._past_bytes_s() if shipment is not self.backlog.newest() else None
        offset = await self._storage.append(shipment.url, shipment.offset, content, end if last else None, bytes_s)
        shipment.before_last, shipment.offset = shipment.offset, offset
        shipment.failures, shipment.forgotten = 0, False
        self.outflow.add(len(content))
        if last:
            self._finish(shipment)
        elif time.monotonic() - self._confirmed_at_s >= CONFIRM_EVERY_S:
            self._confirmed_at_s = time.monotonic()
            with suppress(OSError):
                shipment.confirm()

    def _past_bytes_s(self) -> float | None:
        """What the past may take: of the uplink what the present leaves, and not at the cost of who watches."""
        limits = []
        if self.uplink_kbit is not None:
            whole = self.uplink_kbit * 1000 / 8
            limits.append(max(whole - self.inflow.bytes_s, whole * PAST_SHARE_MIN))
        if self.watched and self.inflow.bytes_s:
            limits.append(PAST_TIMES_WATCHED * self.inflow.bytes_s)
        return min(limits, default=None)

    async def _end(self, shipment: Shipment) -> None:
        """All fragments are there: tell the length. Storage may hold more than we do after a power cut here."""
        if shipment.offset < shipment.sidecar.bytes:
            await self._refused(shipment, "The recording cannot be read from here on.")
            return
        await self._storage.append(shipment.url, shipment.offset, b"", shipment.offset)
        self._finish(shipment)

    async def _compare(self, shipment: Shipment) -> None:
        """Storage holds the chunk as closed."""
        upload = await self._storage.look(shipment.url)
        shipment.offset = upload.offset
        if shipment.sidecar.closed and upload.offset >= shipment.sidecar.bytes:
            self._finish(shipment)
        else:
            self._give_up(shipment, "Storage has closed this chunk before its end.")

    def _finish(self, shipment: Shipment) -> None:
        shipment.done = True
        self._on_change()
        if shipment.sidecar.closed:
            self.closed.append(shipment)
            with suppress(OSError):  # the backlog tries again
                shipment.confirm()

    # ------------------------------------------------------------ bytes that storage does not take

    async def _refused(self, shipment: Shipment, why: str) -> None:
        """Try again a few times, from what storage says it has; then report the rest as lost."""
        shipment.failures += 1
        if shipment.failures >= FAILURES_MAX:
            self._give_up(shipment, why)
        else:
            log.warning("Storage refused a part of chunk %d: %s Trying again.", shipment.sidecar.seq, why)
            shipment.offset = (await self._storage.look(shipment.url)).offset

    def _unreadable_here(self, shipment: Shipment, why: str) -> None:
        """A bad sector costs its chunk, with a gap that says so, and does not hold up the others."""
        shipment.setbacks += 1
        shipment.failures += 1
        log.error("A recording cannot be read from the disk (%s). Check card and disk.", why)
        if shipment.failures >= FAILURES_MAX:
            with suppress(OSError):  # on a disk that does not work at all nothing is told, and nothing given up
                self._give_up(shipment, f"It cannot be read from the camera's disk ({why}).")

    def _give_up(self, shipment: Shipment, why: str) -> None:
        self._write_gap(shipment, why)  # first: what cannot be told now is given up another time
        shipment.refused = True
        log.error("Chunk %d cannot be shipped: %s It stays on this camera.", shipment.sidecar.seq, why)
        self._on_change()

    def _write_gap(self, shipment: Shipment, why: str) -> None:
        """The same gap has the same id, however often it is found."""
        start_ms, end_ms = shipment.span(self._clock.now_ms())
        boot, seq = shipment.name
        from_mono_ns, to_mono_ns = (shipment.sidecar.mono_ns(ms - shipment.shift_ms) for ms in (start_ms, end_ms))
        gap = Gap(
            id=gaps.id_of(boot, seq, shipment.offset),
            boot=boot,
            cause="corrupt",
            from_ms=start_ms,
            to_ms=max(end_ms, start_ms + 1),
            detail=why[:200],
            from_mono_ns=from_mono_ns,
            to_mono_ns=to_mono_ns,
        )
        (self._spool / "gaps").mkdir(mode=0o700, exist_ok=True)
        gaps.write(self._spool, gap)

    # ------------------------------------------------------------ storage can be reached, or not

    def reached(self) -> None:
        """Storage has answered."""
        if self.reach.since_s is not None:
            log.info("Storage is there again, after %.0f s.", time.time() - self.reach.since_s)
            self.reach = Reach()
            self._on_change()
        self._back.set()

    def room(self, online: bool) -> None:
        """In the room or not: while the server is there, storage is asked again every few seconds."""
        self._near = online
        if online and not self.reach.refused:
            self._back.set()
            if self.reach.away:
                self._back.clear()

    def report_taken(self) -> None:
        """Storage has answered a report, which says little about its disk: try footage again now."""
        if self.reach.noticed_by == "report":
            self.reached()
        elif not self.reach.refused:
            self._back.set()
            self._back.clear()

    def missed(self, words: str, by: str, *, refused: bool = False) -> None:
        """Storage has not answered as it should: say so once."""
        self._back.clear()
        if self.reach.since_s is None or self.reach.refused != refused:
            log.warning("%s Recordings stay on this camera; trying again.", words)
            self.reach = Reach(words, self.reach.since_s or time.time(), refused, by)
            self._on_change()
