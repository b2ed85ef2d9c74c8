"""What the lights must say, read from the files that the agent's processes write. A silent process is a broken one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from ..config import State, replace_file
from ..pulse import Beat, JsonFile, Pulse, file_sign, media_sign
from .situation import Condition, Situation

LIVE_WITHIN_S = 15.0  # it writes every 4 s
MEDIA_WITHIN_S = 25.0  # a fragment is as long as the keyframe distance: 10 s at most
FIRST_WITHIN_S = 40.0
IDENTIFY_MAX_S = 300.0
RECORDER_PARTS = ("camera", "encoder", "recorder", "spool")


class StatusFiles:
    """Call it for the situation of this moment."""

    def __init__(self, state: State, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told, self._identify = JsonFile(state.live_status), JsonFile(identify_file(state))
        self._live = Pulse(file_sign(state.live_status), LIVE_WITHIN_S, FIRST_WITHIN_S, clock)
        self._media = Pulse(media_sign(state.spool), MEDIA_WITHIN_S, FIRST_WITHIN_S, clock)

    def __call__(self) -> Situation:
        live, media = self._live.beat(), self._media.beat()
        told = self._told.read().get("status") if live is Beat.BEATING else None
        parts, viewers = _parts(told), told.get("viewers") if isinstance(told, dict) else 0
        return Situation(
            _recording(parts, media),
            _storage(parts, live),
            viewers if isinstance(viewers, int) else 0,
            self._identify_until_s(),
        )

    def camera_is_gone(self) -> bool:
        """The recorder lives, and says that its camera gives no picture."""
        told = self._told.read().get("status") if self._live.beat() is Beat.BEATING else None
        return _parts(told).get("camera") == "broken"

    def _identify_until_s(self) -> float:
        """Not further ahead than anybody may ask for: the file may be of an earlier boot."""
        until_s = self._identify.read().get("until_mono_s")
        if not isinstance(until_s, int | float):
            return 0.0
        return until_s if until_s <= self._clock() + IDENTIFY_MAX_S else 0.0


def identify(state: State, seconds: float) -> None:
    """Ask the lights of this camera, from any process, to show where it is."""
    until_s = time.monotonic() + min(seconds, IDENTIFY_MAX_S)
    replace_file(identify_file(state), json.dumps({"until_mono_s": until_s}), durable=False)


def identify_file(state: State) -> Path:
    return state.live_status.with_name("identify.json")


def _recording(parts: dict[str, str], media: Beat) -> Condition:
    told = [parts[name] for name in RECORDER_PARTS if name in parts]
    if "broken" in told:
        return Condition.BROKEN
    if "off" in told:
        return Condition.OFF
    return {Beat.BEATING: Condition.OK, Beat.AWAITED: Condition.STARTING, Beat.STOPPED: Condition.BROKEN}[media]


def _storage(parts: dict[str, str], live: Beat) -> Condition:
    if live is not Beat.BEATING:
        return Condition.STARTING if live is Beat.AWAITED else Condition.BROKEN
    state = parts.get("storage")
    return Condition.BROKEN if state == "broken" else Condition.STARTING if state == "starting" else Condition.OK


def _parts(told: object) -> dict[str, str]:
    """Name of each part to its state."""
    parts = told.get("parts") if isinstance(told, dict) else None
    if not isinstance(parts, dict):
        return {}
    return {name: str(part.get("state")) for name, part in parts.items() if isinstance(part, dict)}
