"""What systemd is told: ready, alive, stopping (sd_notify(3)). Standard library only; silent where nobody listens."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

log = logging.getLogger(__name__)

FEEDS_PER_LIMIT = 3  # systemd advises half of the limit; a third leaves room for a board that is busy


class Notifier:
    """One datagram a message. `address` is NOTIFY_SOCKET: a path, `@name` in the abstract namespace, or None."""

    def __init__(self, address: str | None) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if address else None
        if self._socket:
            self._socket.setblocking(False)

    def ready(self) -> bool:
        """The service has started."""
        return self._send("READY=1")

    def status(self, words: str) -> bool:
        """One line for `systemctl status`."""
        return self._send("STATUS=" + " ".join(words.split()))

    def alive(self) -> bool:
        """Feed the watchdog."""
        return self._send("WATCHDOG=1")

    def stopping(self) -> bool:
        """The service is about to end."""
        return self._send("STOPPING=1")

    def close(self) -> None:
        """May be called twice."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _send(self, message: str) -> bool:
        """Whether somebody got it. Never waits, never raises: recording does not depend on systemd."""
        if self._socket is None or self._address is None:
            return False
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError as error:
            log.debug("systemd did not get %s: %s", message, error)
            return False
        return True


class Watchdog:
    """Feeds systemd's watchdog, but only while `well` says so: then a camera that records nothing is started afresh."""

    def __init__(self, notifier: Notifier, limit_s: float, well: Callable[[], bool]) -> None:
        self._notifier, self._well = notifier, well
        self._every_s = limit_s / FEEDS_PER_LIMIT
        self._hungry = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.feed()
            await asyncio.sleep(self._every_s)

    def feed(self) -> bool:
        """Whether it was fed."""
        well = self._well()
        if not well and not self._hungry:
            log.warning("No footage is being recorded: unless that changes, systemd starts the agent afresh.")
        self._hungry = not well
        return well and self._notifier.alive()
