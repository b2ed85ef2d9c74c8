"""A camera's live process and the people who watch it, for tests."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from ucam_protocol import Call, FromClient, Hangup, Message, StreamName

from .server import Server
from .viewer import Viewer

BOB = "bob@example.com/tab1"


def enrolled(state: Path, server: Server) -> None:
    """As `ucam-agent enrol` leaves it."""
    state.mkdir(mode=0o700, exist_ok=True)
    (state / "device.json").write_text(json.dumps(server.device()))
    if server.settings is not None:
        (state / "settings.json").write_bytes(msgspec.json.encode(server.settings))


class LiveProcess:
    """One live process on a state directory."""

    def __init__(self, state: Path, log: Path | None = None) -> None:
        arguments = [sys.executable, "-m", "ucam_agent.live", "--state", str(state)]
        self.log = log or state / "live.log"
        with open(self.log, "ab") as stream:
            self._process = subprocess.Popen(arguments, stderr=stream)

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self, number: int = 15) -> int:
        """Sends a signal and waits for the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(15)


def udp_ports(pid: int) -> int:
    """UDP sockets that a process holds: none means that no RTP packet can leave it."""
    open_ = sockets(pid)
    lines = [
        line.split()
        for name in ("udp", "udp6")
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return sum(f"socket:[{fields[9]}]" in open_ for fields in lines)


def sockets(pid: int) -> set[str]:
    """The sockets of a process, as /proc names them."""
    found = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(os.readlink(fd))
        except FileNotFoundError:
            continue
    return found


def connections_to(pid: int, port: int) -> int:
    """TCP connections of a process to a port of this machine."""
    open_ = sockets(pid)
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    to_port = [fields for fields in lines if int(fields[2].partition(":")[2], 16) == port]
    return sum(f"socket:[{fields[9]}]" in open_ for fields in to_port)


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


@asynccontextmanager
async def watching(
    server: Server, who: str = BOB, *, goodbye: bool = True, stream: StreamName = "main"
) -> AsyncIterator[Viewer]:
    """Somebody watches: from the call to the hangup (without goodbye: the tab is killed)."""
    session = str(uuid.uuid4())
    tasks: set[asyncio.Task[None]] = set()

    def send(message: Message) -> None:
        task = asyncio.create_task(server.say(msgspec.structs.replace(message, from_=who)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    viewer = Viewer(session, send)

    def take(message: FromClient) -> None:
        if getattr(message, "session", "") == session:
            viewer.take(message)

    server.listeners.append(take)
    viewer.called_at = time.monotonic()
    await server.say(Call(session=session, to=server.jid, from_=who, stream=stream))
    try:
        yield viewer
    finally:
        if goodbye and server.cameras:
            await server.say(Hangup(session=session, from_=who))
        server.listeners.remove(take)
        await viewer.close()
        if tasks:
            await asyncio.wait(tasks)
