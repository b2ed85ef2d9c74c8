"""The sockets to storage, so that a slow uplink can be told from one that is dead: whether bytes still arrive there."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from weakref import WeakSet

# struct tcp_info of linux/tcp.h: tcpi_bytes_acked and tcpi_bytes_received, u64 each, since Linux 4.1.
_ACKED = struct.Struct("=120xQQ")
LOOK_EVERY_S = 1.0
_Result = TypeVar("_Result")


class Wire:
    """Makes the sockets of one aiohttp connector (`socket_factory`), and counts what they have moved."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def make(self, address: tuple[Any, ...]) -> socket.socket:
        """A socket for an entry of getaddrinfo()."""
        made = socket.socket(*address[:3])
        self._sockets.add(made)
        return made

    def moved_bytes(self) -> int:
        """Bytes that the other side has acknowledged or sent, over the sockets that are open now."""
        return sum(_moved(one) for one in list(self._sockets))

    async def patient(self, request: Coroutine[Any, Any, _Result], silent_s: float, most_s: float) -> _Result:
        """Await a request while bytes move; raises TimeoutError after `silent_s` without any, or after `most_s`."""
        task = asyncio.ensure_future(request)
        begun_s = heard_s = time.monotonic()
        last = self.moved_bytes()
        try:
            while not (await asyncio.wait({task}, timeout=min(LOOK_EVERY_S, silent_s / 4)))[0]:
                now_s, moved = time.monotonic(), self.moved_bytes()
                if moved != last:
                    last, heard_s = moved, now_s
                if now_s - heard_s > silent_s or now_s - begun_s > most_s:
                    raise TimeoutError
        finally:
            task.cancel()
            await asyncio.wait({task})
        return task.result()


def _moved(one: socket.socket) -> int:
    try:
        return sum(_ACKED.unpack_from(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED.size)))
    except (OSError, struct.error):
        return 0
