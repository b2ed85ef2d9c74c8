"""The grammar of the lights: each pattern is data, and says one thing (docs/leds.md says them to people)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Pattern:
    """Milliseconds lit, dark, lit, dark, ... and again from the start; a single figure: always so."""

    name: str
    words: str
    beats_ms: tuple[int, ...]
    begins_lit: bool = True

    def at(self, elapsed_ms: float) -> tuple[bool, float | None]:
        """Whether it is lit that long after its beginning, and when (on the same scale) that changes; None: never."""
        if len(self.beats_ms) == 1:
            return self.begins_lit, None
        within = elapsed_ms % sum(self.beats_ms)
        ends = list(accumulate(self.beats_ms))
        index = next(number for number, end in enumerate(ends) if within < end)
        return self.begins_lit == (index % 2 == 0), elapsed_ms - within + ends[index]


# Always: a change, if there ever is one, comes with another pattern.
RECORDING = Pattern("recording", "The camera records.", (1000,))
DARK = Pattern("dark", "The agent does not run.", (1000,), begins_lit=False)
WATCHED = Pattern("watched", "The camera records, and somebody is watching live.", (200, 200, 200, 1400))
OFF = Pattern("off", "The camera does not record now, as it was told.", (60, 4940))
STARTING = Pattern("starting", "The camera is starting.", (1000, 1000))
# About six flashes a second: nobody takes this for the card's own flicker or for a slow blink.
FRANTIC = Pattern("frantic", "Recording or storage is broken.", (80, 80))
# Three short, one long: no other light in a shop does that.
IDENTIFY = Pattern("identify", "Somebody asked this camera to show itself.", (120, 120, 120, 120, 120, 120, 900, 400))

PATTERNS = (RECORDING, DARK, WATCHED, OFF, STARTING, FRANTIC, IDENTIFY)
