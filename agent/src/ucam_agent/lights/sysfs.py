"""The board's own light, through /sys/class/leds (Linux: Documentation/leds/leds-class.rst)."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ucam_sentences import say

from .led import LedFailed, LedMissing

LEDS = Path("/sys/class/leds")
NAMES = ("ACT", "led0")  # led0: kernels before 6.1
TRIGGER_OF_CARD = "mmc0"

Write = Callable[[Path, str], None]


def write_attribute(path: Path, text: str) -> None:
    """One write(2) to a file that must be there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


class SysfsLed:
    """Takes the light from its trigger (the card's activity, as a rule) and gives it back on `close`."""

    def __init__(self, directory: Path, write: Write = write_attribute) -> None:
        """Raises LedMissing when it is not there or may not be written."""
        self.name = directory.name
        self._directory, self._write = directory, write
        self._closed = False
        try:
            self._lit = (directory / "max_brightness").read_text().strip()
            self._trigger = _to_restore((directory / "trigger").read_text())
        except OSError as error:
            raise LedMissing(
                say("There is no usable light in {directory}: {reason}.", directory=directory, reason=error.strerror)
            ) from error
        try:
            self._put("trigger", "none")
            self._put("brightness", "0")
        except OSError as error:
            self.close()
            raise LedMissing(
                say(
                    "The light {name} may not be used ({reason}). "
                    "Put 99-ucam-leds.rules into /etc/udev/rules.d and start the device again.",
                    name=self.name,
                    reason=error.strerror,
                )
            ) from error

    def light(self, lit: bool) -> None:
        if self._closed:
            raise LedFailed(f"The light {self.name} was given back already.")
        try:
            self._put("brightness", self._lit if lit else "0")
        except OSError as error:
            raise LedFailed(f"The light {self.name} cannot be switched: {error.strerror}.") from error

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with suppress(OSError):  # it is gone, or was never ours
            self._put("brightness", "0")
            self._put("trigger", self._trigger)

    def _put(self, file: str, text: str) -> None:
        self._write(self._directory / file, text)


def _to_restore(triggers: str) -> str:
    """The active one of `none rc-feedback [mmc0] timer`; the card's when an agent that was killed left none behind."""
    names = triggers.split()
    active = next((name[1:-1] for name in names if name.startswith("[")), "none")
    return TRIGGER_OF_CARD if active == "none" and TRIGGER_OF_CARD in names else active


def find(leds: Path = LEDS, write: Write = write_attribute) -> SysfsLed:
    """The board's activity light; raises LedMissing."""
    for name in NAMES:
        if (leds / name).is_dir():
            return SysfsLed(leds / name, write)
    raise LedMissing(
        say("This board has no activity light ({names}) in {directory}.", names=", ".join(NAMES), directory=leds)
    )
