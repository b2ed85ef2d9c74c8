"""The camera's connection to the room: opened, kept, opened again; messages in and out. Knows no media."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from typing import NoReturn

import aiohttp
from ucam_protocol import (
    FRAME_BYTES_MAX,
    SUBPROTOCOL,
    VERSION,
    FromServer,
    Hello,
    Message,
    Ping,
    Pong,
    ProtocolError,
    Welcome,
    decode_from_server,
    encode,
)
from ucam_sentences import say, together

from . import __version__
from .backoff import Backoff
from .clock import Clock, mono_ms
from .errors import ask_again, clock_words, reason_of

log = logging.getLogger(__name__)

CAPABILITIES = ["live", "record", "commands"]
HEARTBEAT_S = 10.0
CONNECT_WITHIN_S = 10.0
WELCOME_WITHIN_S = 10.0
SETTLED_AFTER_S = 10.0
TOKEN_RETRY_S = 60.0
REPLACED_RETRY_S = 30.0
PING_EVERY_S = 15.0
FIRST_PINGS = 5
FIRST_PINGS_EVERY_S = 0.2
OUTBOX_MAX = 256
CLOSE_TOKEN, CLOSE_REPLACED = 4401, 4409


class ConnectionState(StrEnum):
    """Starting until the first attempt has ended; refused: the room does not accept our token."""

    STARTING = "starting"
    ONLINE = "online"
    OFFLINE = "offline"
    REFUSED = "refused"


class _Ended(Exception):
    """One connection is over; `words` for people, `state` what follows, `wait_s` at least before the next attempt."""

    def __init__(self, words: str, state: ConnectionState = ConnectionState.OFFLINE, wait_s: float = 0) -> None:
        super().__init__(words)
        self.words, self.state, self.wait_s = words, state, wait_s


class Connection:
    """The room, as long as `run` runs. Callbacks run on the event loop."""

    def __init__(
        self,
        url: str,
        token: str,
        http: aiohttp.ClientSession,
        clock: Clock,
        *,
        on_message: Callable[[FromServer], None],
        on_state: Callable[[ConnectionState, str], None],
    ) -> None:
        self._url, self._token, self._http, self._clock = url, token, http, clock
        self._on_message, self._on_state = on_message, on_state
        self._backoff = Backoff()
        self._outbox: asyncio.Queue[Message] | None = None
        self._pings: dict[int, float] = {}
        self.state = ConnectionState.STARTING
        self.jid = ""

    async def run(self) -> None:
        """Be in the room until cancelled."""
        while True:
            ended = await self._attend()
            self._outbox = None
            level = logging.DEBUG if ended.state is self.state else logging.WARNING  # loud once, then quiet
            log.log(level, "%s Recording goes on; trying again.", ended.words)
            self._enter(ended.state, ended.words)
            wait_s = self._backoff.delay_s()
            await asyncio.sleep(max(wait_s, ended.wait_s * random.uniform(0.9, 1.1)))  # noqa: S311 - spreads load

    def send(self, message: Message) -> bool:
        """Put a message on its way; False when there is no room to send it to."""
        if self._outbox is None:
            return False
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull:
            log.warning("The room takes messages too slowly; one of type %s was lost.", type(message).__name__)
            return False
        return True

    def _enter(self, state: ConnectionState, words: str) -> None:
        if state is not self.state:
            self.state = state
            self._on_state(state, words)

    # ------------------------------------------------------------ one connection

    async def _attend(self) -> _Ended:
        """Open a connection and serve it until it ends; says how."""
        try:
            await self._serve()
        except _Ended as end:
            return end
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return _Ended(clock_words(error) or say("The room cannot be reached ({cause}).", cause=_cause(error)))

    async def _serve(self) -> NoReturn:
        """Always raises."""
        async with self._open() as socket:
            await socket.send_str(
                encode(Hello(version=VERSION, agent=f"ucam-agent {__version__}", capabilities=CAPABILITIES))
            )
            welcome = await self._welcome(socket)
            self._pings.clear()
            self._outbox = asyncio.Queue(OUTBOX_MAX)
            self.jid = welcome.jid
            since = time.monotonic()
            self._enter(ConnectionState.ONLINE, say("In the room as {jid}.", jid=welcome.jid))
            log.info("In the room as %s.", welcome.jid)
            self._on_message(welcome)
            helpers = [asyncio.create_task(self._write(socket, self._outbox)), asyncio.create_task(self._ping())]
            try:
                await self._read(socket)
            finally:
                for helper in helpers:
                    helper.cancel()
                if time.monotonic() - since >= SETTLED_AFTER_S:
                    self._backoff.reset()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                socket = await self._http.ws_connect(
                    self._url,
                    protocols=[SUBPROTOCOL],
                    headers=headers,
                    heartbeat=HEARTBEAT_S,
                    max_msg_size=2 * FRAME_BYTES_MAX,
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (401, 403):
                raise _token_refused() from error
            raise _Ended(say("The server answers {status} where the room should be.", status=error.status)) from error
        async with socket:
            yield socket

    async def _welcome(self, socket: aiohttp.ClientWebSocketResponse) -> Welcome:
        async with asyncio.timeout(WELCOME_WITHIN_S):
            while True:
                message = self._decoded(await socket.receive(), socket)
                if isinstance(message, Welcome):
                    return message

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> NoReturn:
        while True:
            message = self._decoded(await socket.receive(), socket)
            if isinstance(message, Pong):
                self._pong(message)
            elif message is not None:
                self._on_message(message)

    def _decoded(self, received: aiohttp.WSMessage, socket: aiohttp.ClientWebSocketResponse) -> FromServer | None:
        """The message in a frame, None for one we cannot read; raises _Ended at the end of the connection."""
        if received.type is not aiohttp.WSMsgType.TEXT:
            raise _end(socket.close_code)
        try:
            return decode_from_server(received.data)
        except ProtocolError as error:
            log.debug("A message of the room was not understood: %s", error.message)
            return None

    async def _write(self, socket: aiohttp.ClientWebSocketResponse, outbox: asyncio.Queue[Message]) -> None:
        with suppress(ConnectionError, aiohttp.ClientError):  # the reader sees the same end and says so
            while True:
                await socket.send_str(encode(await outbox.get()))

    async def _ping(self) -> None:
        """Measure the clock: a few pings at once, then one now and then."""
        for number in range(2**62):
            sent_ms = time.time_ns() // 1_000_000
            self._pings = {sent_ms: mono_ms()}
            self.send(Ping(sent_ms=sent_ms))
            await asyncio.sleep(FIRST_PINGS_EVERY_S if number < FIRST_PINGS else PING_EVERY_S)

    def _pong(self, pong: Pong) -> None:
        sent_mono_ms = self._pings.pop(pong.sent_ms, None)
        if sent_mono_ms is not None:
            self._clock.add(sent_mono_ms, mono_ms(), pong.server_ms)


def _token_refused() -> _Ended:
    return _Ended(
        together(
            say("The room does not accept this camera's token: it was revoked or belongs to another server."),
            ask_again(),
        ),
        ConnectionState.REFUSED,
        TOKEN_RETRY_S,
    )


def _end(close_code: int | None) -> _Ended:
    if close_code == CLOSE_TOKEN:
        return _token_refused()
    if close_code == CLOSE_REPLACED:
        return _Ended(
            say(
                "Another device has come into the room with this camera's token. "
                "Enrol each device with a code of its own."
            ),
            wait_s=REPLACED_RETRY_S,
        )
    if close_code:
        return _Ended(say("The room has closed the connection ({code}).", code=close_code))
    return _Ended(say("The room has closed the connection without a word."))


def _cause(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return say("no answer in time")
    if isinstance(error, aiohttp.ClientConnectorError):
        return reason_of(error.os_error)
    return str(error) or type(error).__name__
