"""A camera's schedule by the time that somebody has confirmed: without such a time it records, and says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from ucam_protocol import Settings
from ucam_sentences import say

from . import schedule, wallclock
from .confirmed import ConfirmedTime


class ToldClock(msgspec.Struct):
    """What the live process says of the time (docs/architecture.md, live.sock)."""

    agrees: bool
    utc_minus_mono_ms: int


class Timetable:
    """`utc_minus_mono_ms` and `keep` are those of ConfirmedTime."""

    def __init__(self, utc_minus_mono_ms: int | None, keep: Callable[[int], None]) -> None:
        self._time = ConfirmedTime(utc_minus_mono_ms, keep)
        self._unsure = False

    def heard(self, body: bytes) -> None:
        """The live process has compared the clock with the server's. Raises msgspec.DecodeError."""
        told = msgspec.json.decode(body, type=ToldClock)
        wallclock.judge(told.agrees)
        self._time.tell(told.utc_minus_mono_ms)

    def shall_record(self, settings: Settings) -> bool:
        return schedule.shall_record(settings, self._time.now())

    def off_words(self, settings: Settings) -> str:
        """Why nothing is recorded now, and until when."""
        return schedule.words(settings, self._time.now() or datetime.now(UTC))

    def settings_changed(self) -> None:
        """What was said of the schedule is no longer the last word."""
        self._unsure = False

    def news(self, settings: Settings) -> tuple[str, str] | None:
        """State and words, when the schedule begins to wait for somebody who knows the time, or waits no longer."""
        unsure = bool(settings.schedule) and self._time.now() is None
        if unsure == self._unsure:
            return None
        self._unsure = unsure
        if not unsure:
            return "ok", say("The time is known now, and the schedule holds.")
        return "degraded", say(
            "Nobody has confirmed the time since this device was started, so it records whatever its schedule says. "
            "The schedule holds as soon as the room or a time service can be reached."
        )
