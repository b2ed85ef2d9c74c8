"""What storage must know of the camera beside the footage: gaps, closed chunks, what is still here, the clock."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import wallclock
from .backoff import Backoff
from .clock import Clock
from .errors import AgentError, StorageAway, TokenRefused
from .shipper import Shipper
from .tus import Storage

log = logging.getLogger(__name__)

EVERY_S = 15.0
LOOK_EVERY_S = 2.0
GAPS_MAX = 200
CLOSED_MAX = 200
DETAIL_MAX = 1000
_GAP = re.compile(r"^[A-Za-z0-9-]{1,64}\.json$")
_GAP_KEYS = ("id", "boot", "cause", "from_ms", "to_ms", "detail")
_MONO_KEYS = ("from_mono_ns", "to_mono_ns")
CLOCK_AWAITED_S = 600.0


class Reporter:
    """Reports every 15 s, and at once when there is a new gap. A gap's file goes only when storage has accepted it."""

    def __init__(self, gaps: Path, storage: Storage, shipper: Shipper, clock: Clock, quota: Callable[[], int]) -> None:
        self._gaps, self._storage, self._shipper, self._clock, self._quota = gaps, storage, shipper, clock, quota
        self._backoff = Backoff(first_s=2.0)
        self._seen: set[str] = set()
        self._refused = False
        self._begun_s = time.monotonic()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self._report()
            await self._until_due()

    async def _until_due(self) -> None:
        """Wait for the next time, or for a gap that was not told yet."""
        due_s = time.monotonic() + (self._backoff.delay_s() if self._shipper.reach.away else EVERY_S)
        while time.monotonic() < due_s:
            await asyncio.sleep(min(LOOK_EVERY_S, max(0.05, due_s - time.monotonic())))
            if not self._shipper.reach.away and any(path.name not in self._seen for path in self._gap_files()):
                return

    async def _report(self) -> None:
        files = self._gap_files()
        self._seen = {path.name for path in files}
        gaps = self._gaps_in_time([gap for path in files if (gap := _read_gap(path)) is not None])
        closed = self._shipper.closed[:CLOSED_MAX]
        try:
            answer = await self._storage.report(json.dumps(self._body(gaps, closed)).encode())
        except (StorageAway, TokenRefused) as error:
            self._shipper.missed(error.message, "report", refused=error.permanent)
            return
        except AgentError as error:
            level = logging.DEBUG if self._refused else logging.ERROR  # loud once, then quiet
            self._refused = True
            log.log(level, "Storage does not take this camera's report: %s", error.message)
            return
        self._refused = False
        self._backoff.reset()
        self._shipper.report_taken()
        self._shipper.closed = self._shipper.closed[len(closed) :]
        self._accept(answer)

    def _body(self, gaps: list[dict[str, Any]], closed: list[Any]) -> dict[str, Any]:
        backlog = self._shipper.backlog
        sidecars = [shipment.sidecar for shipment in closed]
        return {
            "gaps": gaps,
            "closed": [{"boot": s.boot, "seq": s.seq, "frames": s.frames, "dropped": s.dropped} for s in sidecars],
            "unshipped": [{"from_ms": start, "to_ms": end} for start, end in backlog.unshipped(self._clock.now_ms())],
            "spool": {"bytes": backlog.bytes, "quota_bytes": self._quota()},
            "clock": {
                "synchronised": wallclock.state() == "synchronised",
                "offset_ms": self._clock.offset_ms,
                **self._anchor(),
            },
        }

    def _anchor(self) -> dict[str, Any]:
        """An instant on this boot's monotonic clock and on the server's: by it storage places what came before."""
        mono_ns, boot = time.monotonic_ns(), self._shipper.backlog.boot
        utc_ms = self._clock.utc_ms(mono_ns)
        return {"boot": boot, "mono_ns": mono_ns, "utc_ms": utc_ms} if boot and utc_ms is not None else {}

    def _gaps_in_time(self, gaps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Gaps by the server's clock. Those that it can mend wait, but not for ever: storage can mend them too."""
        if self._clock.best() is not None or wallclock.state() == "synchronised":
            return [self._in_time(gap) for gap in gaps]
        if time.monotonic() - self._begun_s > CLOCK_AWAITED_S:
            return [_in_order(gap if self._is_ours(gap) else _without_mono(gap)) for gap in gaps]
        return [gap for gap in gaps if gap.keys().isdisjoint(_MONO_KEYS)]

    def _is_ours(self, gap: dict[str, Any]) -> bool:
        """Of the present boot, whose monotonic clock is the one that runs."""
        return bool(gap["boot"] == self._shipper.backlog.boot)

    def _in_time(self, gap: dict[str, Any]) -> dict[str, Any]:
        right = dict(gap)
        for end in ("from", "to"):
            mono_ns = gap.get(f"{end}_mono_ns")
            if self._is_ours(gap) and mono_ns is not None:
                right_ms = self._clock.corrected_ms(gap[f"{end}_ms"], mono_ns)
                right[f"{end}_ms"] = gap[f"{end}_ms"] if right_ms is None else right_ms
        return _in_order(_without_mono(right))

    def _accept(self, answer: Any) -> None:
        """Delete the files of gaps that storage has taken; the others are told again."""
        accepted = answer.get("accepted", []) if isinstance(answer, dict) else []
        for id_ in accepted:
            name = f"{id_}.json"
            if _GAP.match(name):
                with suppress(OSError):  # told once more then, which changes nothing
                    (self._gaps / name).unlink(missing_ok=True)

    def _gap_files(self) -> list[Path]:
        try:
            return sorted(path for path in self._gaps.iterdir() if _GAP.match(path.name))[:GAPS_MAX]
        except OSError:  # none yet; or a disk that cannot be read, which the shipper tells
            return []


def _without_mono(gap: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in gap.items() if key not in _MONO_KEYS}


def _in_order(gap: dict[str, Any]) -> dict[str, Any]:
    return {**gap, "to_ms": max(gap["to_ms"], gap["from_ms"] + 1)}


def _read_gap(path: Path) -> dict[str, Any] | None:
    """A gap as the report wants it; None for a file that is damaged or gone."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        gap = json.loads(path.read_text())
        kinds = {key: int if key.endswith("_ms") else str for key in _GAP_KEYS}
        if all(isinstance(gap[key], kind) for key, kind in kinds.items()):
            mono = {key: gap[key] for key in _MONO_KEYS if isinstance(gap.get(key), int) and gap[key] >= 0}
            return {**{key: gap[key] for key in _GAP_KEYS}, "detail": gap["detail"][:DETAIL_MAX], **mono}
    return None
