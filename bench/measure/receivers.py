"""Viewers without a browser: webrtcbin receivers that count frames and decode nothing, of ucam or of the bare peer."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Protocol

import aiohttp
from ucam_agent.session import SESSIONS_PER_VIEWER_MAX
from ucam_protocol import SUBPROTOCOL, VERSION, Call, Error, Hello, Message, Ping, Routed, decode_from_server, encode

from bench.measure.contestants import Bare, Ucam
from tests.agent.viewer import Viewer

FIRST_FRAME_S = 20.0
PING_EVERY_S = 8.0


class Audience(Protocol):
    """Lets viewers in, one after the other."""

    async def join(self) -> Viewer:
        """One more viewer, whose first frame has come."""


class Line:
    """One websocket and the viewers behind it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.viewers: dict[str, Viewer] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._reading = asyncio.create_task(self._read())

    def send(self, message: Message) -> None:
        """In order; an end that is gone is not told."""
        if not self._socket.closed:
            task = asyncio.create_task(self._write(encode(message)))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _write(self, text: str) -> None:
        with contextlib.suppress(ConnectionError):
            await self._socket.send_str(text)

    def viewer(self, session: str) -> Viewer:
        """A viewer that waits for an offer of this session."""
        made = self.viewers[session] = Viewer(session, self.send)
        return made

    async def _read(self) -> None:
        async for frame in self._socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                continue
            message = decode_from_server(frame.data)
            if isinstance(message, Routed) and message.session in self.viewers:
                self.viewers[message.session].take(message)
            elif isinstance(message, Error):
                raise RuntimeError(f"The room refused: {message.message}")

    async def close(self) -> None:
        """Ends the viewers, then the websocket."""
        for viewer in self.viewers.values():
            await viewer.close()
        await self._socket.close()
        self._reading.cancel()


async def _first_frame(viewer: Viewer) -> Viewer:
    deadline = asyncio.get_running_loop().time() + FIRST_FRAME_S
    while not viewer.frames:
        if viewer.hung_up or asyncio.get_running_loop().time() > deadline:
            raise RuntimeError(f"A viewer got no picture: {viewer.hung_up or f'none within {FIRST_FRAME_S:.0f} s'}")
        await asyncio.sleep(0.02)
    return viewer


class RoomAudience:
    """Viewers in ucam's room: each person watches as often as one may, then the next person comes."""

    def __init__(self, ucam: Ucam, tokens: list[str], http: aiohttp.ClientSession) -> None:
        self._ucam, self._tokens, self._http = ucam, list(tokens), http
        self.lines: list[Line] = []
        self._pinging: list[asyncio.Task[None]] = []

    async def join(self) -> Viewer:
        if not self.lines or len(self.lines[-1].viewers) == SESSIONS_PER_VIEWER_MAX:
            self.lines.append(await self._enter(self._tokens[len(self.lines)]))
        line, session = self.lines[-1], uuid.uuid4().hex
        viewer = line.viewer(session)
        line.send(Call(session=session, to=self._ucam.stack.camera_jid))
        return await _first_frame(viewer)

    async def _enter(self, token: str) -> Line:
        url, origin = f"{self._ucam.stack.url}/ws/room", self._ucam.stack.url
        socket = await self._http.ws_connect(url, protocols=[SUBPROTOCOL], origin=origin)
        await socket.send_str(encode(Hello(version=VERSION, token=token, capabilities=["view"])))
        line = Line(socket)
        self._pinging.append(asyncio.create_task(self._ping(line)))
        return line

    async def _ping(self, line: Line) -> None:
        while True:
            await asyncio.sleep(PING_EVERY_S)
            line.send(Ping(sent_ms=0))

    async def close(self) -> None:
        for task in self._pinging:
            task.cancel()
        for line in self.lines:
            await line.close()


class BareAudience:
    """Viewers of the bare peer, one websocket each."""

    def __init__(self, bare: Bare, http: aiohttp.ClientSession) -> None:
        self._bare, self._http = bare, http
        self.lines: list[Line] = []

    async def join(self) -> Viewer:
        line = Line(await self._http.ws_connect(f"http://127.0.0.1:{self._bare.port}/ws"))
        self.lines.append(line)
        return await _first_frame(line.viewer("bare"))

    async def close(self) -> None:
        for line in self.lines:
            await line.close()


@contextlib.asynccontextmanager
async def audience(of: Ucam | Bare, tokens: list[str]) -> AsyncIterator[Audience]:
    """An empty audience of either; its viewers go at the end. `tokens`: access tokens of people who may watch."""
    async with aiohttp.ClientSession() as http:
        made: RoomAudience | BareAudience
        made = RoomAudience(of, tokens, http) if isinstance(of, Ucam) else BareAudience(of, http)
        try:
            yield made
        finally:
            await made.close()


def people(ucam: Ucam, count: int) -> list[str]:
    """So many people who may watch, and their access tokens."""
    tokens = []
    for number in range(count):
        email = f"viewer{number}@example.com"
        ucam.stack.add_user(email, "--location", ucam.stack.location, "--may", "watch")
        tokens.append(ucam.stack.access_token(email))
    return tokens
