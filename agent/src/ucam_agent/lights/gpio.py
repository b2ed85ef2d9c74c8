"""A light on a pin of the board, through `import RPi.GPIO` (on Debian rpi-lgpio gives it)."""

from __future__ import annotations

import importlib
import logging
from types import ModuleType

from ucam_sentences import say

from .led import LedFailed, LedMissing

log = logging.getLogger(__name__)

PACKAGE = "python3-rpi-lgpio"


class GpioLed:
    """Pin by its BCM number; high is lit."""

    def __init__(self, pin: int) -> None:
        """Raises LedMissing without the library, without the pin, or when somebody else has it."""
        self.name = f"GPIO{pin}"
        self._pin, self._closed = pin, False
        self._gpio = gpio = _library()
        try:
            gpio.setmode(gpio.BCM)
            gpio.setup(pin, gpio.OUT, initial=gpio.LOW)
        except Exception as error:  # rpi-lgpio raises lgpio.error, a plain Exception that other boards' libraries lack
            raise LedMissing(
                say(
                    "The light on {name} cannot be used: {error}. "
                    "Check `gpio` under [led] in the agent's configuration, that nothing else uses the pin, "
                    "and that this user is in the group gpio.",
                    name=self.name,
                    error=error,
                )
            ) from error

    def light(self, lit: bool) -> None:
        if self._closed:
            raise LedFailed(f"The light on {self.name} was given back already.")
        gpio = self._gpio
        try:
            gpio.output(self._pin, gpio.HIGH if lit else gpio.LOW)
        except Exception as error:  # as above
            raise LedFailed(f"The light on {self.name} cannot be switched: {error}.") from error

    def close(self) -> None:
        if self._closed:
            return
        try:
            self.light(False)
            self._gpio.cleanup(self._pin)
        except Exception as error:  # as above
            log.debug("%s could not be given back: %s", self.name, error)
        self._closed = True


def _library() -> ModuleType:
    try:
        return importlib.import_module("RPi.GPIO")
    except ImportError as error:
        raise LedMissing(
            say("A light on a GPIO pin needs a Debian package: sudo apt-get install {package}", package=PACKAGE)
        ) from error
    except (RuntimeError, NotImplementedError) as error:  # "can only be run on a Raspberry Pi"
        raise LedMissing(
            say("This board has no GPIO pins that {package} knows: {error}", package=PACKAGE, error=error)
        ) from error
