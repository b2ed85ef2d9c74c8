"""How the camera is, as far as its lights care, and which pattern says it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from . import pattern
from .pattern import Pattern


class Condition(StrEnum):
    """Of recording and of storage."""

    STARTING = "starting"
    OK = "ok"
    OFF = "off"  # by choice
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Situation:
    """What the lights must say. `identify_until_s`: seconds on the monotonic clock."""

    recording: Condition = Condition.STARTING
    storage: Condition = Condition.STARTING
    viewers: int = 0
    identify_until_s: float = 0.0


def pattern_for(situation: Situation, now_s: float) -> Pattern:
    """The first that holds: asked to show itself, broken, watched, starting, off by choice, recording."""
    if now_s < situation.identify_until_s:
        return pattern.IDENTIFY
    if Condition.BROKEN in (situation.recording, situation.storage):
        return pattern.FRANTIC
    if situation.viewers > 0:  # also while recording is off: who is before the lens shall know
        return pattern.WATCHED
    if situation.recording is Condition.OFF:
        return pattern.OFF
    # Storage may still be unknown: what counts is on the card already.
    return pattern.RECORDING if situation.recording is Condition.OK else pattern.STARTING
