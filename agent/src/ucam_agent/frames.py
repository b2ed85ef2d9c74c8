"""The recorder's local socket: events always, encoded frames while somebody watches (docs/architecture.md)."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .unix_path import address

log = logging.getLogger(__name__)

HEADER = struct.Struct("<IBBHIQ")
HELLO, FRAME, EVENT, SOUND = 0, 1, 2, 3
KEYFRAME, SETTINGS, WANT, CLOCK, RESTART = 16, 17, 18, 19, 20
BODY_BYTES_MAX = 32 * 2**20
RECEIVE_BUFFER_BYTES = 256 * 1024
AGE_MAX_NS = 1_000_000_000
KEYFRAME_EVERY_S = 0.3
RECONNECT_S = 0.25


@dataclass(frozen=True, slots=True)
class Stream:
    """What the recorder encodes: GStreamer caps verbatim, size in pixels, frames/s; caps of its sound, if any."""

    caps: str
    width: int
    height: int
    fps: int
    sound: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One access unit, H.264 byte-stream; `at_ns` on CLOCK_MONOTONIC."""

    data: bytes
    keyframe: bool
    number: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Samples:
    """Some sound as the stream's caps for it say; `at_ns` on CLOCK_MONOTONIC."""

    data: bytes
    at_ns: int


class Frames:
    """A reader of `live.sock` that comes back by itself. Callbacks run on the event loop."""

    def __init__(
        self,
        path: Path,
        *,
        on_stream: Callable[[Stream], None],
        on_frame: Callable[[Frame], None],
        on_event: Callable[[dict[str, Any]], None],
        on_connected: Callable[[bool], None] = lambda connected: None,
        on_sound: Callable[[Samples], None] = lambda samples: None,
    ) -> None:
        self._path = path
        self._on_sound = on_sound
        self._on_stream, self._on_frame, self._on_event, self._on_connected = (
            on_stream,
            on_frame,
            on_event,
            on_connected,
        )
        self._writer: asyncio.StreamWriter | None = None
        self._wanted = self._sound_wanted = False
        self._settings: bytes | None = None
        self._clock: tuple[bool, int] | None = None
        self._stale = False
        self._asked_at = -KEYFRAME_EVERY_S
        self._asking: asyncio.TimerHandle | None = None
        self.stream: Stream | None = None
        self.received = 0
        self.stale_dropped = 0

    @property
    def connected(self) -> bool:
        return self._writer is not None

    async def run(self) -> None:
        """Read until cancelled; when the recorder goes away, wait for it to come back."""
        while True:
            try:
                reader, writer = await _connect(self._path)
            except OSError:
                await asyncio.sleep(RECONNECT_S)
                continue
            try:
                await self._serve(reader, writer)
            except (OSError, asyncio.IncompleteReadError, ValueError, KeyError) as error:
                log.info("The recorder's socket was closed (%s).", error or type(error).__name__)
            finally:
                self._writer = None
                writer.close()
                self._on_connected(False)
            await asyncio.sleep(RECONNECT_S)

    def want(self, frames: bool, sound: bool = False) -> None:
        """Ask for encoded frames and sound, or for none any more; holds over reconnects."""
        if (frames, sound) == (self._wanted, self._sound_wanted):
            return
        if frames != self._wanted:
            self._stale = False
        self._wanted, self._sound_wanted = frames, sound
        self._send(WANT, _json({"frames": frames, "sound": sound}))

    def ask_keyframe(self) -> None:
        """A keyframe soon, please: at once, or when the last request is 300 ms old; requests in between become one."""
        if self._asking is not None:
            return
        wait_s = self._asked_at + KEYFRAME_EVERY_S - time.monotonic()
        if wait_s <= 0:
            self._ask_now()
        else:
            self._asking = asyncio.get_running_loop().call_later(wait_s, self._ask_now)

    def give_settings(self, settings: bytes) -> None:
        """New settings (JSON) for the recorder; kept until it is there."""
        self._settings = settings
        self._flush_settings()

    def give_clock(self, agrees: bool, utc_minus_mono_ms: int) -> None:
        """Whether the device's clock agrees with the server's, and the server's minus our monotonic one; kept, and told
        anew to a recorder that comes.
        """
        self._clock = agrees, utc_minus_mono_ms
        self._send(CLOCK, _json({"agrees": agrees, "utc_minus_mono_ms": utc_minus_mono_ms}))

    def restart_recorder(self) -> None:
        """The recorder ends, and its supervisor starts another."""
        self._send(RESTART)

    def _ask_now(self) -> None:
        self._asking, self._asked_at = None, time.monotonic()
        self._send(KEYFRAME)

    def _flush_settings(self) -> None:
        if self._settings is not None and self._send(SETTINGS, self._settings):
            self._settings = None

    def _send(self, kind: int, body: bytes = b"") -> bool:
        if self._writer is None or self._writer.is_closing():
            return False
        self._writer.write(HEADER.pack(len(body), kind, 0, 0, 0, 0) + body)
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        if self._wanted:
            self._send(WANT, _json({"frames": True, "sound": self._sound_wanted}))
            self.ask_keyframe()
        if self._clock is not None:  # before the settings: their schedule goes by it
            self.give_clock(*self._clock)
        self._flush_settings()
        self._on_connected(True)
        while True:
            length, kind, flags, _, number, at_ns = HEADER.unpack(await reader.readexactly(HEADER.size))
            if length > BODY_BYTES_MAX:
                raise ValueError(f"a message of {length} bytes")
            body = await reader.readexactly(length)
            if kind == FRAME:
                self._take(Frame(body, bool(flags & 1), number, at_ns))
            elif kind == SOUND:
                self._take_sound(Samples(body, at_ns))
            elif kind == EVENT:
                self._on_event(json.loads(body))
            elif kind == HELLO:
                self._hello(json.loads(body))

    def _hello(self, said: dict[str, Any]) -> None:
        if not said["caps"]:
            return  # the recorder has no picture yet; it greets again
        size = int(said["width"]), int(said["height"])
        stream = Stream(str(said["caps"]), *size, int(said["fps"]), str(said.get("sound", "")))
        if stream != self.stream:
            self.stream = stream
            self._on_stream(stream)

    def _take_sound(self, samples: Samples) -> None:
        """What is older than a second is of no use live."""
        if self._sound_wanted and time.monotonic_ns() - samples.at_ns <= AGE_MAX_NS:
            self._on_sound(samples)

    def _take(self, frame: Frame) -> None:
        """Pass on what is fresh; drop what is older than a second, and all after it up to the next keyframe."""
        if not self._wanted:
            return
        self.received += 1
        if time.monotonic_ns() - frame.at_ns > AGE_MAX_NS:
            self._stale = True
            self.stale_dropped += 1
            self.ask_keyframe()
        elif self._stale and not frame.keyframe:
            self.stale_dropped += 1
        else:
            self._stale = False
            self._on_frame(frame)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Streams on the socket."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        loop = asyncio.get_running_loop()
        with address(path) as where:
            await loop.sock_connect(connection, where)
        return await asyncio.open_unix_connection(sock=connection, limit=RECEIVE_BUFFER_BYTES)
    except BaseException:
        connection.close()
        raise
