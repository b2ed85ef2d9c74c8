"""How the camera is, in states and in words: for the room, and for `ucam-agent status`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
from ucam_carried import Sentences, carried, heard
from ucam_protocol import Part, PartState, Status
from ucam_sentences import english, say, together

from . import __version__, wallclock
from .clock import Clock
from .connection import ConnectionState
from .shipper import Shipper

PARTS: tuple[str, ...] = get_args(Part)
RECORDER_PARTS = ("camera", "encoder", "recorder", "spool")
RECORDING_WORDS = {"recorder": english("Recording."), "spool": english("The disk takes what is recorded.")}
ASIDE = "sound"  # the recorder's too, but pictures are recorded whatever it does
BEHIND_S = 20
CLOCK_WRONG_MS = 2000
WORDS_MAX = 300


@dataclass(slots=True)
class Health:
    """Gathers what the parts tell. Nothing here asks or waits."""

    shipper: Shipper
    clock: Clock
    quota_bytes: int
    viewers: int = 0
    recorder_connected: bool = False
    _disk: str = ""
    _parts: dict[str, PartState] = field(default_factory=dict)
    _counters: dict[str, int] = field(default_factory=dict)

    def recorder_gone(self) -> None:
        """The recorder's socket is closed: nothing it said holds any more."""
        self.recorder_connected = False
        for part in (*RECORDER_PARTS, ASIDE):
            self._parts.pop(part, None)

    def disk_is(self, trouble: str) -> bool:
        """What is wrong with the disk while no recorder says it; True when that is news."""
        before, self._disk = self._disk, trouble
        return before != trouble

    def recording(self) -> bool:
        """A fragment came: so those of the recorder's parts work that said nothing else. True when that is news."""
        silent = [part for part in RECORDER_PARTS if part not in self._parts]
        for part in silent:
            self.set(part, told_as("ok", RECORDING_WORDS.get(part, "") and say(RECORDING_WORDS[part])))
        return bool(silent)

    def told(self, event: dict[str, Any]) -> bool:
        """Take a `state` or `counters` event of the recorder; True when a part's state is another now."""
        if event.get("event") == "counters":
            self._counters = {
                key: max(0, int(event.get(key, 0))) for key in ("produced", "encoded", "recorded", "dropped")
            }
            return False
        part, state, words = str(event.get("part")), event.get("state"), str(event.get("words", ""))[:WORDS_MAX]
        if part not in PARTS:
            return False
        known = state if state in ("ok", "starting", "degraded", "broken", "off") else "unknown"
        return self.set(part, PartState(known, words, _sentences(event.get("said"))))  # type: ignore[arg-type]

    def room(self, state: ConnectionState, words: str) -> bool:
        """The room's connection is in another state."""
        states = {"online": "ok", "starting": "starting", "offline": "degraded", "refused": "broken"}
        return self.set("room", told_as(states[state.value], words))

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
    def off(self) -> PartState | None:
        """Why the camera is off by choice; None when it is not."""
        recorder = self._parts.get("recorder")
        return recorder if recorder is not None and recorder.state == "off" else None

    def in_words(self) -> str:
        """The whole in some sentences: what is not well first."""
        status = self.status()
        ill = {name: part for name, part in status.parts.items() if part.state not in ("ok", "starting")}
        off = any(part.state == "off" for part in status.parts.values())
        return together(
            self._doing(status.recording, off),
            *(together(say("{part}:", part=say(name)), heard(part.words, part.said)) for name, part in ill.items()),
            say("Everything else is well.") if ill else say("Everything is well."),
            self.spool_in_words(),
        )

    def _doing(self, recording: bool, off: bool) -> str:
        watched = say("nobody watches live")
        if self.viewers:
            watched = say("{n} watches live" if self.viewers == 1 else "{n} watch live", n=self.viewers)
        if recording:
            return say("I record, and {watched}.", watched=watched)
        if off:
            return say("I do not record now, as I was told, and {watched}.", watched=watched)
        return say("I DO NOT RECORD, and {watched}.", watched=watched)

    def spool_in_words(self) -> str:
        """What waits on this camera, how long it has room, how long catching up takes."""
        backlog, holds_s, catch_up_s = self.shipper.backlog, self._holds_s(), self._catch_up_s()
        size, waiting = f"{backlog.bytes / 2**20:.0f}", f"{backlog.unshipped_bytes / 2**20:.1f}"
        behind = self._behind_s() > BEHIND_S
        words = [say("{size} MiB of recordings are on me, all shipped.", size=size)]
        if behind:
            words = [
                say(
                    "{size} MiB of recordings are on me, {waiting} MiB of them still to ship.",
                    size=size,
                    waiting=waiting,
                )
            ]
        if holds_s is not None:
            words.append(say("Without storage the camera has room for {length} more.", length=words_of(holds_s)))
        if behind and catch_up_s:
            words.append(say("Caught up in {length}.", length=words_of(catch_up_s)))
        elif behind:
            words.append(say("I am not catching up."))
        return together(*words)

    def _is_recording(self) -> bool:
        """Fragments have come since the recorder was there, and none of its parts is in trouble."""
        told = [self._parts[part].state for part in RECORDER_PARTS if part in self._parts]
        return self.recorder_connected and "recorder" in self._parts and all(one in ("ok", "degraded") for one in told)

    def _recorder(self) -> dict[str, PartState]:
        if self.recorder_connected:
            return {}
        if self._disk:
            unheard = say("The recorder cannot be asked how it is, for the disk takes nothing.")
            return {"recorder": told_as("broken", unheard), "spool": told_as("broken", self._disk)}
        return {"recorder": told_as("broken", say("The recorder is not running; it is being started again."))}

    def _storage(self) -> PartState:
        reach = self.shipper.reach
        behind_s = self._behind_s()
        if reach.refused:
            return told_as("broken", together(reach.words, self._room_left()))
        if reach.since_s is not None:
            since = say("So since {time}.", time=datetime.fromtimestamp(reach.since_s, UTC))
            return told_as("broken", together(reach.words, since, self._room_left()))
        if behind_s > BEHIND_S:
            left, catch_up_s = words_of(behind_s), self._catch_up_s()
            if not catch_up_s:
                return told_as("degraded", say("Catching up: {length} still to ship.", length=left))
            done = words_of(catch_up_s)
            return told_as(
                "degraded",
                say("Catching up: {length} still to ship, done in about {done}.", length=left, done=done),
            )
        return told_as("ok", say("Storage has everything up to the last seconds."))

    def _room_left(self) -> str:
        holds_s = self._holds_s()
        if holds_s is None:
            return say("Recordings wait on this camera.")
        if holds_s == 0:
            return say("The camera has no room left: the oldest recordings are being lost.")
        return say("Recordings wait on this camera, which has room for about {length} more.", length=words_of(holds_s))

    def _clock(self) -> PartState:
        offset_ms = self.clock.offset_ms
        if offset_ms is not None and abs(offset_ms) > CLOCK_WRONG_MS:
            return told_as(
                "degraded", together(clock_off(offset_ms < 0, abs(offset_ms) // 1000), say("Check the time service."))
            )
        if offset_ms is None and wallclock.state() == "unsynchronised":
            return told_as("unknown", say("Nobody has confirmed the clock yet."))
        if offset_ms is None:
            return told_as("ok", say("The clock is right, as far as this device knows."))
        return told_as("ok", say("The clock is right: it agrees with the server's."))

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


def clock_off(fast: bool, seconds: int) -> str:
    """How far a clock is from the right time."""
    return say("The clock is {length} fast." if fast else "The clock is {length} slow.", length=words_of(seconds))


def words_of(seconds: int) -> str:
    """A duration as people say it."""
    for size, one, many in (
        (86400, say("1 day"), english("{n} days")),
        (3600, say("1 hour"), english("{n} hours")),
        (60, say("1 minute"), english("{n} minutes")),
    ):
        if seconds >= 2 * size:
            return say(many, n=seconds // size)
        if seconds >= size:
            return one
    return say("1 second") if seconds == 1 else say("{n} seconds", n=seconds)


def told_as(state: str, words: str) -> PartState:
    """A part's state and words as the room gets them."""
    return PartState(state, str(words)[:WORDS_MAX], carried(words))  # type: ignore[arg-type]


def _sentences(told: Any) -> Sentences:
    """What the recorder says over its socket."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(told or [], Sentences)
    return []
