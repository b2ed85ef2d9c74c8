"""How the camera is, in states and in words: for the room, and for `ucam-agent status`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, get_args

from ucam_protocol import Part, PartState, Status

from . import __version__, wallclock
from .clock import Clock
from .connection import ConnectionState
from .shipper import Shipper

PARTS: tuple[str, ...] = get_args(Part)
RECORDER_PARTS = ("camera", "encoder", "recorder", "spool")
ASIDE = "sound"  # the recorder's too, but pictures are recorded whatever it does
BEHIND_S = 20
CLOCK_WRONG_MS = 2000


@dataclass(slots=True)
class Health:
    """Gathers what the parts tell. Nothing here asks or waits."""

    shipper: Shipper
    clock: Clock
    quota_bytes: int
    viewers: int = 0
    recorder_connected: bool = False
    _parts: dict[str, PartState] = field(default_factory=dict)
    _counters: dict[str, int] = field(default_factory=dict)

    def recorder_gone(self) -> None:
        """The recorder's socket is closed: nothing it said holds any more."""
        self.recorder_connected = False
        for part in (*RECORDER_PARTS, ASIDE):
            self._parts.pop(part, None)

    def recording(self) -> bool:
        """A fragment came: so those of the recorder's parts work that said nothing else. True when that is news."""
        silent = [part for part in RECORDER_PARTS if part not in self._parts]
        for part in silent:
            self.set(part, PartState("ok", "Recording." if part == "recorder" else ""))
        return bool(silent)

    def told(self, event: dict[str, Any]) -> bool:
        """Take a `state` or `counters` event of the recorder; True when a part's state is another now."""
        if event.get("event") == "counters":
            self._counters = {
                key: max(0, int(event.get(key, 0))) for key in ("produced", "encoded", "recorded", "dropped")
            }
            return False
        part, state, words = str(event.get("part")), event.get("state"), str(event.get("words", ""))[:300]
        if part not in PARTS:
            return False
        known = state if state in ("ok", "starting", "degraded", "broken", "off") else "unknown"
        return self.set(part, PartState(known, words))  # type: ignore[arg-type]

    def room(self, state: ConnectionState, words: str) -> bool:
        """The room's connection is in another state."""
        states = {"online": "ok", "starting": "starting", "offline": "degraded", "refused": "broken"}
        return self.set("room", PartState(states[state.value], words))  # type: ignore[arg-type]

    def set(self, part: str, state: PartState) -> bool:
        """True when it was another before."""
        before = self._parts.get(part)
        self._parts[part] = state
        return before != state

    def status(self) -> Status:
        """The whole, at this moment."""
        backlog = self.shipper.backlog
        parts = {**self._recorder(), **self._parts, "storage": self._storage(), "clock": self._clock()}
        return Status(
            parts={key: parts[key] for key in PARTS if key in parts},  # type: ignore[misc]
            recording=self._is_recording(),
            viewers=self.viewers,
            spool_bytes=backlog.bytes,
            spool_unshipped_bytes=backlog.unshipped_bytes,
            spool_holds_s=self._holds_s(),
            catch_up_s=self._catch_up_s(),
            frames_produced=self._counters.get("produced", 0),
            frames_recorded=self._counters.get("recorded", 0),
            frames_dropped=self._counters.get("dropped", 0),
            clock_offset_ms=self.clock.offset_ms,
            version=__version__,
        )

    @property
    def off_words(self) -> str:
        """Why the camera is off by choice; empty when it is not."""
        recorder = self._parts.get("recorder")
        return recorder.words if recorder is not None and recorder.state == "off" else ""

    def in_words(self) -> str:
        """The whole in some sentences: what is not well first."""
        status = self.status()
        ill = [f"{name}: {part.words}" for name, part in status.parts.items() if part.state not in ("ok", "starting")]
        off = any(part.state == "off" for part in status.parts.values())
        begin = "I record" if status.recording else "I do not record now, as I was told" if off else "I DO NOT RECORD"
        watched = (
            f"{self.viewers} {'watches' if self.viewers == 1 else 'watch'} live"
            if self.viewers
            else "nobody watches live"
        )
        rest = "Everything else is well." if ill else "Everything is well."
        return " ".join([f"{begin}, and {watched}.", *ill, rest, self.spool_in_words()])

    def spool_in_words(self) -> str:
        """What waits on this camera, how long it has room, how long catching up takes."""
        backlog, holds_s, catch_up_s = self.shipper.backlog, self._holds_s(), self._catch_up_s()
        words = [f"{backlog.bytes / 2**20:.0f} MiB of recordings are on me"]
        behind = self._behind_s() > BEHIND_S
        words.append(
            f", {backlog.unshipped_bytes / 2**20:.1f} MiB of them still to ship." if behind else ", all shipped."
        )
        if holds_s is not None:
            words.append(f" Without storage the spool lasts {words_of(holds_s)}.")
        if behind:
            words.append(f" Caught up in {words_of(catch_up_s)}." if catch_up_s else " I am not catching up.")
        return "".join(words)

    def _is_recording(self) -> bool:
        """Fragments have come since the recorder was there, and none of its parts is in trouble."""
        told = [self._parts[part].state for part in RECORDER_PARTS if part in self._parts]
        return self.recorder_connected and "recorder" in self._parts and all(one in ("ok", "degraded") for one in told)

    def _recorder(self) -> dict[str, PartState]:
        if self.recorder_connected:
            return {}
        return {"recorder": PartState("broken", "The recorder is not running; it is being started again.")}

    def _storage(self) -> PartState:
        reach = self.shipper.reach
        behind_s = self._behind_s()
        if reach.refused:
            return PartState("broken", f"{reach.words} {self._room_left()}"[:300])
        if reach.since_s is not None:
            since = time.strftime("%H:%M", time.gmtime(reach.since_s))
            return PartState("broken", f"{reach.words} So since {since} UTC. {self._room_left()}"[:300])
        if behind_s > BEHIND_S:
            catch_up_s = self._catch_up_s()
            left = f", done in about {words_of(catch_up_s)}" if catch_up_s else ""
            return PartState("degraded", f"Catching up: {words_of(behind_s)} still to ship{left}.")
        return PartState("ok", "Storage has everything up to the last seconds.")

    def _room_left(self) -> str:
        holds_s = self._holds_s()
        if holds_s is None:
            return "Recordings wait on this camera."
        if holds_s == 0:
            return "The camera has no room left: the oldest recordings are being lost."
        return f"Recordings wait on this camera, which has room for about {words_of(holds_s)} more."

    def _clock(self) -> PartState:
        offset_ms = self.clock.offset_ms
        if offset_ms is not None and abs(offset_ms) > CLOCK_WRONG_MS:
            which = "slow" if offset_ms > 0 else "fast"
            return PartState(
                "degraded", f"The clock is {words_of(abs(offset_ms) // 1000)} {which}. Check the time service."
            )
        if offset_ms is None and wallclock.state() == "unsynchronised":
            return PartState("unknown", "Nobody has confirmed the clock yet.")
        if offset_ms is None:
            return PartState("ok", "The clock is right, as far as this device knows.")
        return PartState("ok", "The clock is right: it agrees with the server's.")

    def _behind_s(self) -> int:
        return sum(end - start for start, end in self.shipper.backlog.unshipped(self.clock.now_ms())) // 1000

    def _holds_s(self) -> int | None:
        """Seconds until unshipped footage is lost if storage stays away; None before the inflow is known."""
        inflow = self.shipper.inflow.bytes_s
        if inflow < 1:
            return None
        return max(0, int((self.quota_bytes - self.shipper.backlog.unshipped_bytes) / inflow))

    def _catch_up_s(self) -> int | None:
        """Seconds until everything is shipped at the present rates; None when that is not in sight."""
        surplus = self.shipper.outflow.bytes_s - self.shipper.inflow.bytes_s
        waiting = self.shipper.backlog.unshipped_bytes
        if waiting == 0:
            return 0
        return int(waiting / surplus) if surplus > 1 else None


def words_of(seconds: int) -> str:
    """A duration as people say it."""
    for size, one, many in ((86400, "day", "days"), (3600, "hour", "hours"), (60, "minute", "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {many}"
        if seconds >= size:
            return f"1 {one}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
