"""What the supervisor shows to the outside: the lights on the camera, and word to systemd. No gi, no network."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from .config import Config, Systemd
from .lights.files import StatusFiles
from .lights.lights import Lights, find_leds
from .lights.situation import Condition
from .notify import Notifier, Watchdog
from .pulse import Beat, Pulse, media_sign

log = logging.getLogger(__name__)

# Other remedies come first: a new pipeline several times, then a new recorder; that takes about a minute.
PATIENCE_S = 120.0


class Signs:
    """Begins with `begin`; all ends with the event loop, which cancels its tasks: the LEDs are given back then."""

    def __init__(self, config: Config, systemd: Systemd) -> None:
        self._source = StatusFiles(config.state)
        self._media = Pulse(media_sign(config.state.spool), PATIENCE_S, PATIENCE_S)
        self._notifier = Notifier(systemd.socket)
        self._systemd, self._leds = systemd, config.leds
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        """The children have been started."""
        leds = find_leds(self._leds.act, self._leds.gpio)
        self._run(Lights(self._source, leds, on_pattern=lambda shown: self._notifier.status(shown.words)).run())
        if self._systemd.watchdog_s > 0:
            self._run(Watchdog(self._notifier, self._systemd.watchdog_s, self.well).run())
        self._notifier.ready()

    def stopping(self) -> None:
        """The children are being stopped."""
        self._notifier.stopping()

    def well(self) -> bool:
        """Footage advances, or cannot for a reason outside of us: what systemd's watchdog is fed on.

        A camera that is unplugged is the camera's trouble: the recorder looks for it again and again, and its process
        is made anew now and then; to start the supervisor afresh as well would help nobody.
        """
        if self._media.beat() is not Beat.STOPPED:
            return True
        return self._source().recording is Condition.OFF or self._source.camera_is_gone()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("The lights or the watchdog ended: %s", error, exc_info=error)
