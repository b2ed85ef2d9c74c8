"""What the supervisor shows to the outside: the lights on the camera, and word to systemd. No gi, no network."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from . import disk
from .config import Config, Systemd
from .lights.files import StatusFiles
from .lights.lights import Lights, find_leds
from .lights.situation import Condition
from .notify import Notifier, Watchdog
from .patience import FIRST_S, Patience
from .pulse import Beat, Pulse, media_sign

log = logging.getLogger(__name__)


class Signs:
    """Begins with `begin`; all ends with the event loop, which cancels its tasks: the LEDs are given back then."""

    def __init__(self, config: Config, systemd: Systemd, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._spool = StatusFiles(config.state, clock), config.state.spool
        self._patience = Patience(config.state.runtime / "watchdog.json" if config.state.runtime else None)
        self._media = Pulse(media_sign(self._spool), FIRST_S, self._patience.s, clock)
        self._disk = ""
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
        """Footage advances, or cannot for a cause that a fresh start would not mend: what systemd's watchdog is fed on.

        A camera that is unplugged is the camera's trouble: the recorder looks for it again and again, and its process
        is made anew now and then. A disk that takes nothing takes no more from a fresh agent; its recorder tries with
        each fragment. What a disk does is found out here: the recorder's word for it may be what is stuck.
        """
        beat = self._media.beat()
        if beat is not Beat.STOPPED:
            if beat is Beat.BEATING:
                self._patience.worked()
            return True
        if self._source().recording is Condition.OFF or self._source.camera_is_gone():
            return True
        if self._tell_disk(disk.trouble(self._spool)):
            return True
        self._patience.ran_out()
        return False

    def _tell_disk(self, words: str) -> bool:
        """To the log and to systemd, once; whether there is anything to tell."""
        if words and words != self._disk:
            log.error("%s Nothing is recorded until then; to start afresh would not help.", words)
            self._notifier.status(words)
        self._disk = words
        return bool(words)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("The lights or the watchdog ended: %s", error, exc_info=error)
