"""live.sock: encoded frames and events for other processes of this device, none of which can hold the recorder up."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .capture import Frame
from .gst import Loop
from .unix_path import address

log = logging.getLogger(__name__)

HEADER = struct.Struct("<IBBHIQ")
HELLO, FRAME, EVENT, SOUND = 0, 1, 2, 3
KEYFRAME, SETTINGS, WANT, CLOCK, RESTART = 16, 17, 18, 19, 20
SEND_BUFFER_BYTES = 256 * 1024
WAITING_BYTES_MAX = 1024 * 1024
BODY_BYTES_MAX = 64 * 1024
READERS_MAX = 16
LISTEN_AGAIN_MS = 2000


def message(kind: int, body: bytes, *, flags: int = 0, number: int = 0, mono_ns: int = 0) -> bytes:
    """One message with its header."""
    return HEADER.pack(len(body), kind, flags, 0, number & 0xFFFFFFFF, mono_ns) + body


class Reader:
    """One connection. Bytes that the socket does not take wait here; frames are skipped then, up to a keyframe."""

    def __init__(self, connection: socket.socket, loop: Loop, said: Callable[[Reader, int, bytes], None]) -> None:
        self.wants_frames = self.wants_sound = False
        self.skipped = 0
        self.closed = False
        self._connection, self._loop, self._said = connection, loop, said
        self._waiting = b""
        self._heard = bytearray()
        self._gated = True
        self._watch = loop.watch(connection.fileno(), self._readable)
        self._write_watch = 0

    def close(self) -> None:
        """May be called twice."""
        if self.closed:
            return
        self.closed = True
        self._loop.cancel(self._watch)
        self._stop_writing()
        self._connection.close()

    def want(self, frames: bool, sound: bool) -> None:
        """Frames from the next keyframe on, or none; sound or none."""
        self._gated = self._gated or frames != self.wants_frames
        self.wants_frames, self.wants_sound = frames, sound

    def send_frame(self, keyframe: bool, packed: bytes) -> None:
        """Sends it, or skips to the next keyframe when the reader has not taken the last one yet."""
        if not self.wants_frames or self.closed:
            return
        if self._waiting or (self._gated and not keyframe):
            self._gated = True
            self.skipped += 1
            return
        self._gated = False
        self.send(packed)

    def send_sound(self, packed: bytes) -> None:
        """Sends it, or leaves it out when the reader has not taken the last message yet."""
        if self.wants_sound and not self._waiting:
            self.send(packed)

    def send(self, packed: bytes) -> None:
        """Sends it behind what waits; a reader that takes nothing any more is closed and may come again."""
        if self.closed:
            return
        if self._waiting and len(self._waiting) + len(packed) > WAITING_BYTES_MAX:
            log.warning("A reader of live.sock takes nothing any more; it is cut off.")
            self.close()
            return
        self._waiting += packed
        if not self._write_watch:
            self._flush()

    def _flush(self) -> None:
        try:
            sent = self._connection.send(self._waiting, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            self._waiting = self._waiting[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if not self._waiting:
            self._stop_writing()
        elif not self._write_watch:
            self._write_watch = self._loop.watch(self._connection.fileno(), self._flush, writable=True)

    def _stop_writing(self) -> None:
        if self._write_watch:
            self._loop.cancel(self._write_watch)
            self._write_watch = 0

    def _readable(self) -> None:
        try:
            heard = self._connection.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if not heard:
            self.close()
            return
        self._heard += heard
        while not self.closed and len(self._heard) >= HEADER.size:
            length, kind = HEADER.unpack_from(self._heard)[:2]
            if length > BODY_BYTES_MAX:
                log.warning("A reader of live.sock sent a message of %d bytes; it is cut off.", length)
                self.close()
                return
            if len(self._heard) < HEADER.size + length:
                return
            body = bytes(self._heard[HEADER.size : HEADER.size + length])
            del self._heard[: HEADER.size + length]
            self._said(self, kind, body)


class Readers:
    """The listening socket and its readers. All on the main loop. `close` may be called twice."""

    def __init__(
        self,
        path: Path,
        loop: Loop,
        *,
        hello: Callable[[], dict[str, Any]],
        present: Callable[[], list[dict[str, Any]]] = list,
        keyframe: Callable[[], None],
        settings: Callable[[bytes], None],
        wanted: Callable[[bool, bool], None],
        clock: Callable[[bytes], None] = lambda body: None,
        restart: Callable[[], None] = lambda: None,
    ) -> None:
        self._path, self._loop = path, loop
        self._hello, self._keyframe, self._settings, self._wanted = hello, keyframe, settings, wanted
        self._present, self._clock, self._restart = present, clock, restart
        self._readers: list[Reader] = []
        self._told = (False, False)
        self._listener: socket.socket | None = None
        self._watch = self._again = 0
        self._troubled = self._closed = False
        self._listen()

    def close(self) -> None:
        """Closes all and takes the socket's name away."""
        self._closed = True
        if self._again:
            self._loop.cancel(self._again)
            self._again = 0
        if self._listener is None:
            return
        self._loop.cancel(self._watch)
        self._listener.close()
        self._listener = None
        for reader in self._readers:
            reader.close()
        with contextlib.suppress(OSError):  # on a disk that takes nothing the next recorder puts its own in this place
            self._path.unlink(missing_ok=True)

    def _listen(self) -> None:
        """On a disk that takes nothing there is no socket, and still a recorder: it is tried again until there is."""
        self._again = 0
        if self._closed:
            return
        try:
            self._listener = _bound(self._path)
        except OSError as error:
            level = logging.DEBUG if self._troubled else logging.ERROR  # loud once, then quiet
            self._troubled = True
            log.log(
                level,
                "%s cannot be made (%s): nobody can watch this camera or ask how it is. Check card and disk. "
                "Recording does not wait for it; trying again.",
                self._path,
                error.strerror,
            )
            self._again = self._loop.call_later(LISTEN_AGAIN_MS, self._listen)
            return
        if self._troubled:
            self._troubled = False
            log.warning("%s is there now.", self._path)
        self._watch = self._loop.watch(self._listener.fileno(), self._accept)

    def greet(self) -> None:
        """Says hello again: the caps have changed."""
        self._send(message(HELLO, _json(self._hello())))

    def tell(self, event: dict[str, Any]) -> None:
        """An event for everybody."""
        self._send(message(EVENT, _json(event)))

    def send_frame(self, frame: Frame) -> None:
        """A frame for those who want them."""
        packed = message(FRAME, frame.content, flags=frame.keyframe, number=frame.number, mono_ns=frame.mono_ns)
        for reader in self._readers:
            reader.send_frame(frame.keyframe, packed)
        self._forget()

    def send_sound(self, mono_ns: int, samples: bytes) -> None:
        """Sound for those who want it."""
        packed = message(SOUND, samples, mono_ns=mono_ns)
        for reader in self._readers:
            reader.send_sound(packed)
        self._forget()

    def _send(self, packed: bytes) -> None:
        for reader in self._readers:
            reader.send(packed)
        self._forget()

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        self._forget()
        if len(self._readers) >= READERS_MAX:
            log.warning("More than %d readers of live.sock; one is refused.", READERS_MAX)
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        reader = Reader(connection, self._loop, self._heard)
        self._readers.append(reader)
        reader.send(message(HELLO, _json(self._hello())))
        for event in self._present():
            reader.send(message(EVENT, _json(event)))

    def _heard(self, reader: Reader, kind: int, body: bytes) -> None:
        if kind == KEYFRAME:
            self._keyframe()
        elif kind == SETTINGS:
            self._settings(body)
        elif kind == CLOCK:
            self._clock(body)
        elif kind == RESTART:
            self._restart()
        elif kind == WANT:
            reader.want(*_wants(body))
            self._forget()

    @property
    def want_frames(self) -> bool:
        """Anybody asked for frames."""
        return any(reader.wants_frames for reader in self._readers)

    @property
    def want_sound(self) -> bool:
        """Anybody asked for sound."""
        return any(reader.wants_sound for reader in self._readers)

    def _forget(self) -> None:
        """Lets go of the readers that have closed, and tells what is wanted when that is news."""
        self._readers = [reader for reader in self._readers if not reader.closed]
        wants = self.want_frames, self.want_sound
        if wants != self._told:
            self._told = wants
            self._wanted(*wants)


def _bound(path: Path) -> socket.socket:
    """Bound aside and renamed, so that there is no moment with wrong rights."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with address(aside) as where:
            listener.bind(where)
        aside.chmod(0o600)
        listener.listen(READERS_MAX)
        listener.setblocking(False)
        aside.replace(path)
    except OSError:
        listener.close()
        raise
    return listener


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _wants(body: bytes) -> tuple[bool, bool]:
    """(frames, sound)."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return False, False
    return value.get("frames") is True, value.get("sound") is True
