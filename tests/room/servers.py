"""Real server processes and real websockets, for tests of what only those can show."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import redis
from django.conf import settings
from django.db import connection
from ucam_protocol import SUBPROTOCOL

from tests.room.peers import Ears

ROOT = Path(__file__).resolve().parent.parent.parent


def database_url() -> str:
    """The test's database, for another process."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    parts = urlsplit(os.environ["DATABASE_URL"])
    return parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}").geturl()  # before it: the folder of a socket


class Redis:
    """A Redis of one test, that may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.path}?db=0"

    def start(self) -> Redis:
        """Until it answers."""
        binary = shutil.which("redis-server")
        assert binary
        quiet = ["--port", "0", "--unixsocket", str(self.path), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([binary, *quiet], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                with redis.Redis(unix_socket_path=str(self.path)) as client:
                    client.ping()
                return self
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "redis-server did not start within 10 s"
                time.sleep(0.02)

    def kill(self) -> None:
        """Without a word; twice is once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


class WebServer:
    """One daphne process on a free port of loopback."""

    def __init__(self, redis_url: str = "", **more: str) -> None:
        """`more`: of its environment."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port = listening.getsockname()[1]
            environment = os.environ | {
                "DJANGO_SETTINGS_MODULE": "ucam.settings",
                "UCAM_BIND": f"127.0.0.1:{self.port}",
                "DATABASE_URL": database_url(),
                "REDIS_URL": redis_url or settings.REDIS_URL,
                "PYTHONPATH": f"{ROOT}:{ROOT / 'agent' / 'src'}",
                **more,
            }
            command = [sys.executable, "-m", "daphne", "--verbosity", "0", "--fd", str(listening.fileno())]
            self.process = subprocess.Popen(
                [*command, "ucam.asgi:application"], env=environment, cwd=ROOT, pass_fds=[listening.fileno()]
            )

    def kill(self) -> None:
        """SIGKILL; twice is once."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)


class NetPeer(Ears):
    """A peer over a real websocket."""

    def __init__(self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        super().__init__()
        self.http, self.socket = http, socket

    async def next_frame(self) -> str | int:
        received = await self.socket.receive()
        return received.data if received.type is aiohttp.WSMsgType.TEXT else (self.socket.close_code or 1006)

    async def send_frame(self, text: str) -> None:
        await self.socket.send_str(text)

    async def leave(self) -> None:
        """Close from this side."""
        await self.socket.close()
        await self.http.close()


async def connect(server: WebServer, *, device_token: str = "", access: str = "", within_s: float = 60) -> NetPeer:
    """Into the room of a server that may still be starting, with one kind of token."""
    if device_token:
        headers = {"Authorization": f"Bearer {device_token}"}
    else:
        headers = {"Origin": f"http://127.0.0.1:{server.port}"}
    http = aiohttp.ClientSession()
    async with asyncio.timeout(within_s):
        while True:
            try:
                url = f"http://127.0.0.1:{server.port}/ws/room"
                peer = NetPeer(http, await http.ws_connect(url, headers=headers, protocols=[SUBPROTOCOL]))
                await peer.hello(access, within_s=within_s)
                return peer
            except (aiohttp.ClientError, AssertionError, ConnectionError):  # not there yet, or closed as it lacks Redis
                assert server.process.poll() is None, "daphne ended"
                await asyncio.sleep(0.05)
