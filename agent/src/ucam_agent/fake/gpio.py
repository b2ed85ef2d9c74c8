"""A module `RPi.GPIO` without a board: refuses what the real one refuses, and remembers every edge.

Modelled on RPi.GPIO 0.7.1 and rpi-lgpio 0.6, the stricter of the two where they differ. Install it with
`sys.modules["RPi.GPIO"] = FakeGpio()`.
"""

from __future__ import annotations

import time
import warnings
from types import ModuleType

from .led import Edge

BCM_PINS = range(54)
BOARD_TO_BCM = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25,
    23: 11, 24: 8, 26: 7, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
}  # fmt: skip


class GpioError(Exception):
    """As lgpio.error: a plain Exception."""


class FakeGpio(ModuleType):
    """`busy`: BCM numbers that another process holds. `edges`: BCM number to what happened on that pin."""

    BOARD, BCM = 10, 11
    OUT, IN = 0, 1
    LOW, HIGH = 0, 1

    def __init__(self) -> None:
        super().__init__("RPi.GPIO")
        self.busy: set[int] = set()
        self.edges: dict[int, list[Edge]] = {}
        self._mode: int | None = None
        self._directions: dict[int, int] = {}
        self._levels: dict[int, bool] = {}
        self._warnings = True

    def setwarnings(self, value: bool) -> None:
        self._warnings = bool(value)

    def getmode(self) -> int | None:
        return self._mode

    def setmode(self, mode: int) -> None:
        if self._mode is not None and mode != self._mode:
            raise ValueError("A different mode has already been set!")
        if mode not in (self.BOARD, self.BCM):
            raise ValueError("An invalid mode was passed to setmode()")
        self._mode = mode

    def setup(self, channel: int, direction: int, initial: int | None = None) -> None:
        if direction not in (self.OUT, self.IN):
            raise ValueError("An invalid direction was passed to setup()")
        if direction == self.IN and initial is not None:
            raise ValueError("initial parameter is not valid for inputs")
        pin = self._pin(channel)
        if pin in self.busy:
            raise GpioError("GPIO busy")
        self._directions[pin] = direction
        if initial is not None:
            self._become(pin, bool(initial))

    def output(self, channel: int, value: int) -> None:
        pin = self._pin(channel)
        if self._directions.get(pin) != self.OUT:
            raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
        self._become(pin, bool(value))

    def input(self, channel: int) -> int:
        pin = self._pin(channel)
        if pin not in self._directions:
            raise RuntimeError("You must setup() the GPIO channel first")
        return int(self._levels.get(pin, False))

    def gpio_function(self, channel: int) -> int:
        """A pin nobody has set up is an input."""
        return self._directions.get(self._pin(channel), self.IN)

    def cleanup(self, channel: int | None = None) -> None:
        """The pin, or all, are inputs again; a warning when there was nothing to do."""
        pins = set(self._directions) if channel is None else {self._pin(channel)} & set(self._directions)
        if not pins and self._warnings:
            warnings.warn("No channels have been set up yet - nothing to clean up!", RuntimeWarning, stacklevel=2)
        for pin in pins:
            self._become(pin, False)
            del self._directions[pin]
        if channel is None:
            self._mode = None

    def _pin(self, channel: int) -> int:
        """The BCM number."""
        if self._mode is None:
            raise RuntimeError("Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or GPIO.setmode(GPIO.BCM)")
        pin = channel if self._mode == self.BCM else BOARD_TO_BCM.get(channel, -1)
        if pin not in BCM_PINS:
            raise ValueError("The channel sent is invalid on a Raspberry Pi")
        return pin

    def _become(self, pin: int, high: bool) -> None:
        if high != self._levels.get(pin, False):
            self._levels[pin] = high
            self.edges.setdefault(pin, []).append(Edge(time.monotonic(), high))
