"""One light that can be on or off, and how it says that it cannot."""

from __future__ import annotations

from typing import Protocol

from ..errors import AgentError


class LedMissing(AgentError):
    """There is no such light on this board, or it may not be used; `message` says what to do."""

    code = "led_missing"


class LedFailed(AgentError):
    """A light that was there cannot be switched any more."""

    code = "led_failed"


class Led(Protocol):
    """Dark once it is made. `close` may be called twice and leaves the light as it was found."""

    name: str

    def light(self, lit: bool) -> None:
        """On or off, at once; raises LedFailed, also after `close`."""

    def close(self) -> None:
        """Dark, and back to whom it belonged; raises nothing."""
