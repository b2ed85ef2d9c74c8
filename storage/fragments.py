"""The process that makes chunks durable: nginx gives it each creation, and each PATCH with its body in a file.

SCGI (python.ca/scgi/protocol.txt): the headers as one netstring, by CGI's names, then the answer, then the end. The
socket is nginx's alone; what begins with UCAM_ comes from its configuration and never from a client, whose headers all
begin with HTTP_. A few threads, each with its connection to the database and one buffer, so memory is bounded.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.db import DatabaseError, connection
from django.utils import timezone

from accounts.answers import answer
from accounts.authentication import bearer
from accounts.errors import TokenInvalid, UcamError
from cameras.models import DeviceToken
from storage.creation import create, state_of
from storage.errors import StorageFailing, VersionUnknown
from storage.intake import PATCH_BYTES_MAX, VERSION, Meta, take
from storage.memory import Memory

THREADS = 16
WAITING_MAX = 512  # beyond that nginx answers 503 itself
HEAD_BYTES_MAX = 64 * 1024
PATIENCE_S = 30.0
STOP_S = 8.0
FIRST_BYTES = 2**20
PREFIX = "/api/device/chunks/"
log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What goes back to the device."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


class Door:
    """Takes one request after the other; used by several threads, each with a buffer of its own."""

    def __init__(self) -> None:
        self._memory, self._own = Memory(), threading.local()

    def take(self, meta: Meta) -> Answer:
        """The answer to one request, whatever happens."""
        try:
            return self._create(meta) if meta.get("UCAM_METHOD") == "POST" else self._append(meta)
        except Exception as error:
            return self._refusal(error)

    def _create(self, meta: Meta) -> Answer:
        """POST: a chunk begins. Nothing is remembered here, for no UPDATE would look at it again."""
        token = bearer(meta.get("HTTP_AUTHORIZATION", ""))
        by = _let_in(meta, DeviceToken.objects.holder(token) if token else None)
        chunk = create(by.camera, meta, timezone.now())
        return Answer(201, {"Location": f"{PREFIX}{chunk.name}", **state_of(chunk)})

    def _append(self, meta: Meta) -> Answer:
        """PATCH: a chunk grows."""
        token = bearer(meta.get("HTTP_AUTHORIZATION", "")) or ""
        by = _let_in(meta, self._memory.holder(token) if token else None)
        name = meta["UCAM_PATH"].removeprefix(PREFIX)
        try:
            size = take(self._memory, by, meta, name, lambda most: self._read(meta, most), timezone.now())
        except TokenInvalid:
            self._memory.forget_holder(token)
            raise
        return Answer(204, {"Upload-Offset": str(size)})

    def _read(self, meta: Meta, most: int) -> memoryview:
        """The body out of nginx's file, at most so many bytes; good until this thread takes the next one."""
        path = meta.get("UCAM_BODY")
        if not path:
            return memoryview(b"")
        buffer = getattr(self._own, "buffer", b"")
        if len(buffer) < most:
            buffer = self._own.buffer = bytearray(min(max(most, FIRST_BYTES), PATCH_BYTES_MAX + 1))
        with open(path, "rb", buffering=0) as file:
            count = 0
            while count < most and (more := file.readinto(memoryview(buffer)[count:most])):
                count += more
        return memoryview(buffer)[:count]

    def _refusal(self, error: Exception) -> Answer:
        if isinstance(error, DatabaseError):
            connection.close()  # the next one begins with a new one
            log.error("The database does not work: %s", error)
            error = StorageFailing("The database does not work just now.")
        found = answer(error, {})
        if found is None:
            log.error("A fragment could not be taken", exc_info=error)
            found = answer(UcamError("The server failed.", hint="Its log says why."), {})
            assert found is not None
            found.status_code = 500
        headers = {name: value for name, value in found.items() if name.lower() != "content-type"}
        return Answer(found.status_code, headers, json.dumps(found.data).encode())


def _let_in(meta: Meta, by: DeviceToken | None) -> DeviceToken:
    """First who asks, then the version: raises TokenInvalid, VersionUnknown."""
    if by is None:
        raise TokenInvalid("This device token does not work here.", hint="Enrol the camera again with a new code.")
    if meta.get("HTTP_TUS_RESUMABLE") != VERSION:
        raise VersionUnknown()
    return by


def serve(path: Path, threads: int = THREADS) -> None:
    """Until SIGTERM; what was begun is then finished."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with listening(path) as listener:
        door = Door()
        found = [threading.Thread(target=_work, args=(listener, door), daemon=True) for _ in range(threads)]
        for thread in found:
            thread.start()
        ended.wait()
        listener.shutdown(socket.SHUT_RDWR)
        for thread in found:
            thread.join(STOP_S / threads)


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A unix socket for this user only, in place of one that a crash left."""
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
    finally:
        os.umask(before)
    with listener:
        listener.listen(WAITING_MAX)
        yield listener


def _work(listener: socket.socket, door: Door) -> None:
    """One thread's life: one request after the other, until the listener is shut."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return connection.close()
        with client, contextlib.suppress(OSError):  # nginx went away: the device asks again
            client.settimeout(PATIENCE_S)
            meta = read_meta(client)
            if meta is not None:
                client.sendall(as_bytes(door.take(meta)))


def read_meta(client: socket.socket) -> dict[str, str] | None:
    """The headers of a request, None for what is none (a look whether somebody listens)."""
    data = b""
    while True:
        size, colon, rest = data.partition(b":")
        if colon and (not size.isdigit() or len(size) > 9 or int(size) > HEAD_BYTES_MAX):
            return None
        if colon and len(rest) > int(size):
            break
        more = client.recv(HEAD_BYTES_MAX)
        if not more or len(data) > 2 * HEAD_BYTES_MAX:
            return None
        data += more
    words = rest[: int(size)].decode("latin-1").split("\0")
    meta = dict(zip(words[::2], words[1::2], strict=False))
    meta["CONTENT_LENGTH"] = meta.pop("UCAM_LENGTH", "")
    if not meta["CONTENT_LENGTH"]:  # SCGI always tells one; the client did not
        del meta["CONTENT_LENGTH"]
    return meta


def as_bytes(found: Answer) -> bytes:
    """As CGI says it."""
    headers = {"Status": str(found.status), "Tus-Resumable": VERSION, "Tus-Version": VERSION, **found.headers}
    headers |= {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if found.body:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(found.body))}
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1") + b"\r\n" + found.body
