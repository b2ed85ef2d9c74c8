"""Shows how the camera is on its LEDs. Runs in the supervisor, which lives when the other processes hang."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import sysfs
from .gpio import GpioLed
from .led import Led, LedFailed, LedMissing
from .pattern import STARTING, Pattern
from .situation import Situation, pattern_for

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
LOOK_WITHOUT_LEDS_S = 2.0  # then only systemd is told


class Lights:
    """Asks `source` again and again what to say, says it on all LEDs at once, and tells `on_pattern` of each change."""

    def __init__(
        self,
        source: Callable[[], Situation],
        leds: Sequence[Led],
        clock: Callable[[], float] = time.monotonic,
        on_pattern: Callable[[Pattern], object] = lambda shown: None,
    ) -> None:
        self._source, self._leds, self._clock, self._on_pattern = source, list(leds), clock, on_pattern
        self._situation = Situation()
        self._pattern: Pattern = STARTING
        self._since_s = self._look_at_s = clock()
        self._lit: bool | None = None

    @property
    def pattern(self) -> Pattern:
        """What is being said."""
        return self._pattern

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                pause_s = self.step()
                await asyncio.sleep(pause_s)
        finally:
            self.close()

    def step(self) -> float:
        """Does what is due now; seconds until something is due again.

        Edges are counted from the pattern's beginning: a late step shortens the next beat and shifts nothing.
        """
        now_s = self._clock()
        if now_s >= self._look_at_s:
            every_s = LOOK_EVERY_S if self._leds else LOOK_WITHOUT_LEDS_S
            self._situation, self._look_at_s = self._source(), now_s + every_s
        wanted = pattern_for(self._situation, now_s)
        if wanted is not self._pattern:
            self._pattern, self._since_s = wanted, now_s
            self._on_pattern(wanted)
        lit, until_ms = wanted.at((now_s - self._since_s) * 1000)
        self._show(lit)
        due_s = (
            self._look_at_s
            if until_ms is None or not self._leds
            else min(self._look_at_s, self._since_s + until_ms / 1000)
        )
        return max(0.0, due_s - now_s)

    def close(self) -> None:
        """Gives the LEDs back; may be called twice."""
        while self._leds:
            self._leds.pop().close()

    def _show(self, lit: bool) -> None:
        if lit == self._lit:
            return
        self._lit = lit
        for led in self._leds[:]:
            try:
                led.light(lit)
            except LedFailed as error:
                log.warning("%s It is left alone from now on.", error.message)
                self._leds.remove(led)
                led.close()


def find_leds(act: bool, gpio: int | None, leds: Path = sysfs.LEDS) -> list[Led]:
    """Those of the configured lights that this board has. A board without any is no error."""
    found: list[Led] = []
    makers: list[Callable[[], Led]] = []
    if act:
        makers.append(lambda: sysfs.find(leds))
    if gpio is not None:
        makers.append(lambda: GpioLed(gpio))
    missing = []
    for make in makers:
        try:
            found.append(make())
        except LedMissing as error:
            missing.append(error.message)
    if missing:
        log.info("Not every light can be used: %s", " ".join(missing))
    return found
