"""What lies between a camera and its storage: a port that lets everything through, or is away in one of five ways."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

CLEAR = "clear"
WAYS = ("refused", "error", "black_hole", "slow", "half_closed")
SLOW_BYTES_S = 10_000
PIECE_BYTES = 1024
ANSWER_WITHIN_S = 10


class Weather:
    """A port of loopback before `port`. Runs on a thread of its own until `close`."""

    def __init__(self, port: int) -> None:
        self.way, self.port, self._behind = CLEAR, 0, port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="weather", daemon=True)
        self._thread.start()
        self._do(self._listen())

    def set(self, way: str) -> None:
        """From now on; what is open breaks off."""
        assert way in (CLEAR, *WAYS)
        self._do(self._set(way))

    def close(self) -> None:
        """May be called twice."""
        if self._thread.is_alive():
            self._do(self._set("refused"))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(ANSWER_WITHIN_S)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_WITHIN_S)

    async def _set(self, way: str) -> None:
        self.way = way
        if self._server is not None and way == "refused":
            self._server.close()
            self._server = None
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._server is None and way != "refused":
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port, limit=PIECE_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            await self._treat(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # that is what this port is for
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _treat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        treatments: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
            "error": self._error, "black_hole": self._swallow, "half_closed": self._half_close,
        }  # fmt: skip
        await treatments.get(self.way, self._pass)(reader, writer)

    async def _error(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = (line.partition(b":") for line in head.lower().splitlines())
        count = next((int(value) for name, _, value in lines if name == b"content-length"), 0)
        await reader.readexactly(count)
        writer.write(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async def _swallow(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(PIECE_BYTES):
            pass
        await asyncio.Event().wait()

    async def _half_close(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(PIECE_BYTES)
        writer.write_eof()
        await self._swallow(reader, writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, beyond = await asyncio.open_connection("127.0.0.1", self._behind)
        bytes_s = SLOW_BYTES_S if self.way == "slow" else 0
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, beyond, bytes_s))
                both.create_task(_copy(behind, writer, 0))
        except* OSError:
            pass  # one end is gone, so the other goes too
        finally:
            beyond.transport.abort()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, bytes_s: float) -> None:
    while content := await source.read(PIECE_BYTES):
        sink.write(content)
        await sink.drain()
        if bytes_s:
            await asyncio.sleep(len(content) / bytes_s)
    with suppress(OSError):
        sink.write_eof()
