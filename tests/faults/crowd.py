"""People who watch by WebRTC or play what is stored, come again after each trouble, and note what they saw."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import aiohttp
from ucam_protocol import (
    SUBPROTOCOL,
    VERSION,
    Call,
    Error,
    Hangup,
    Hello,
    Message,
    Offline,
    Online,
    Ping,
    Routed,
    Status,
    Watching,
    Welcome,
    decode_from_server,
    encode,
)

from tests.agent.viewer import Viewer
from tests.faults.fleet import Kills

PICTURE_S = 10.0
FROZEN_S = 4.0
PING_EVERY_S = 8.0
REFRESH_S = 360.0
HELLO_S = 10.0
REQUEST_S = 25.0
PAST_S = 60
TROUBLE = (aiohttp.ClientError, ConnectionError, TimeoutError)
SEGMENT = re.compile(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)")


@dataclass
class Book:
    """What all of them saw. `unexplained`: what no kill excuses."""

    kills: Kills
    counts: Counter[str] = field(default_factory=Counter)
    first_frame_s: list[float] = field(default_factory=list)
    behind_s: list[float] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def trouble(self, what: str, camera: str, begun_s: float) -> None:
        """Something did not work: excused by a kill, or not."""
        self.counts[f"{what}, excused" if self.kills.excuse(camera, begun_s) else what] += 1
        if not self.kills.excuse(camera, begun_s):
            self.unexplained.append(f"{datetime.now(UTC):%H:%M:%S} {camera}: {what}")


class Line:
    """A seat in the room, until the socket closes. What is not of the person's place is noted."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, place: str, book: Book) -> None:
        self._socket, self._place, self._book = socket, place, book
        self.viewer: Viewer | None = None
        self.refused = ""
        self._sending: set[asyncio.Task[None]] = set()
        self.tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._ping())]

    @property
    def closed(self) -> bool:
        return self._socket.closed or self.tasks[0].done()

    def send(self, message: Message) -> None:
        """In order; an end that is gone is not told."""
        task = asyncio.create_task(self._write(encode(message)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        """Out of the room."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        with contextlib.suppress(*TROUBLE):
            await asyncio.wait_for(self._socket.close(), 5)

    async def _write(self, text: str) -> None:
        if not self._socket.closed:
            with contextlib.suppress(ConnectionError):
                await self._socket.send_str(text)

    async def _read(self) -> None:
        async for frame in self._socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                self._take(decode_from_server(frame.data))

    def _take(self, message: Message) -> None:
        self._book.counts["frames of the room"] += 1
        self._book.foreign += [jid for jid in named(message) if jid.startswith("cam") and self._place not in jid]
        session = self.viewer.session if self.viewer else ""
        if isinstance(message, Error) and message.id == session:
            self.refused = message.code
        elif isinstance(message, Routed) and self.viewer and message.session == session:
            self.viewer.take(message)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY_S)
            self.send(Ping(sent_ms=0))


def named(message: Message) -> list[str]:
    """The peers that a message is about."""
    if isinstance(message, Welcome):
        return [peer.jid for peer in message.roster] + list(message.watching)
    if isinstance(message, Online):
        return [message.peer.jid]
    if isinstance(message, Watching):
        return [message.camera]
    if isinstance(message, Status):
        return [message.from_]
    return [message.jid] if isinstance(message, Offline) else []


class Person:
    """Somebody signed in, with their own cameras. Refreshes the sign-in as a page does."""

    def __init__(self, http: aiohttp.ClientSession, tokens: dict[str, Any], cameras: list[str], chance: Random) -> None:
        self._http, self._tokens, self._cameras, self._chance = http, tokens, cameras, chance
        self._place = cameras[0].partition("@")[2]
        self._refreshed_s = time.monotonic()

    async def live(self, book: Book) -> None:
        """Watches one camera after the other, for ever."""
        while True:
            try:
                async with self._room(book) as line:
                    while not line.closed:
                        await self._visit(line, self._chance.choice(self._cameras), self._chance.uniform(10, 45), book)
            except TROUBLE:
                book.counts["came into the room again"] += 1
            await asyncio.sleep(self._chance.uniform(0.5, 2))

    async def stored(self, book: Book) -> None:
        """Sits in the room and plays the last minute of one camera after the other, for ever."""
        while True:
            try:
                async with self._room(book) as line:
                    while not line.closed:
                        await self._play(self._chance.choice(self._cameras), book)
                        await asyncio.sleep(self._chance.uniform(1, 3))
            except TROUBLE:
                book.counts["came into the room again"] += 1
            await asyncio.sleep(self._chance.uniform(0.5, 2))

    @contextlib.asynccontextmanager
    async def _room(self, book: Book) -> AsyncIterator[Line]:
        origin = str(self._http._base_url).rstrip("/")
        begun_s, access = time.monotonic(), await self._access()
        async with self._http.ws_connect("/ws/room", protocols=[SUBPROTOCOL], origin=origin) as socket:
            await socket.send_str(encode(Hello(version=VERSION, token=access, capabilities=["view"])))
            try:
                welcome = decode_from_server(await socket.receive_str(timeout=HELLO_S))
            except TypeError as error:  # it was closed instead
                book.trouble("the room did not let in", "", begun_s)
                raise ConnectionError from error
            line = Line(socket, self._place, book)
            book.foreign += [jid for jid in named(welcome) if jid.startswith("cam") and self._place not in jid]
            try:
                yield line
            finally:
                await line.close()

    async def _access(self) -> str:
        if time.monotonic() - self._refreshed_s > REFRESH_S:
            async with self._http.post("/api/token/refresh/", json={"refresh": self._tokens["refresh"]}) as answer:
                if answer.status != 200:
                    raise ConnectionError(f"refresh: {answer.status} {(await answer.text())[:200]}")
                self._tokens, self._refreshed_s = await answer.json(), time.monotonic()
        return str(self._tokens["access"])

    # ------------------------------------------------------------ live

    async def _visit(self, line: Line, camera: str, seconds: float, book: Book) -> None:
        begun_s, line.refused = time.monotonic(), ""
        viewer = line.viewer = Viewer(str(uuid.uuid4()), line.send)
        line.send(Call(session=viewer.session, to=camera))
        book.counts["visits"] += 1
        try:
            if not await _until(lambda: viewer.frames > 0 or viewer.hung_up or line.refused or line.closed, PICTURE_S):
                book.trouble("no picture", camera, begun_s)
            elif viewer.frames:
                book.first_frame_s.append(viewer.first_frame_at - begun_s)
                await self._look(line, viewer, camera, seconds, book)
            else:
                book.trouble(f"call ended: {line.refused or viewer.hung_up or 'socket closed'}", camera, begun_s)
                await asyncio.sleep(self._chance.uniform(1, 3))
        finally:
            line.viewer = None
            line.send(Hangup(session=viewer.session))
            await viewer.close()

    async def _look(self, line: Line, viewer: Viewer, camera: str, seconds: float, book: Book) -> None:
        end_s = time.monotonic() + seconds
        while (now_s := time.monotonic()) < end_s:
            if viewer.hung_up or line.refused or line.closed:
                why = viewer.hung_up or line.refused or "socket closed"
                return book.trouble(f"watching ended: {why}", camera, now_s)
            if now_s - viewer.last_frame_at > FROZEN_S:
                return book.trouble("picture froze", camera, viewer.last_frame_at)
            await asyncio.sleep(0.5)
        book.counts["visits to the end"] += 1
        return None

    # ------------------------------------------------------------ stored

    async def _play(self, camera: str, book: Book) -> None:
        """The newest segment of a playlist of the last minute."""
        begun_s, since = time.monotonic(), datetime.now(UTC) - timedelta(seconds=PAST_S)
        base, head = f"/api/cameras/{camera}/", {"Authorization": f"Bearer {await self._access()}"}
        try:
            query = {"from": since.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
            async with self._http.get(f"{base}playlist.m3u8", params=query, headers=head) as answer:
                text, status = await answer.text(), answer.status
            found = SEGMENT.findall(text)
            if status != 200 or not found:
                return book.trouble(f"playlist: {status}", camera, begun_s)
            book.behind_s.append(round(time.time() - _edge(text), 1))
            length, offset, uri = found[-1]
            head["Range"] = f"bytes={offset}-{int(offset) + int(length) - 1}"
            async with self._http.get(f"{base}{uri}", headers=head) as answer:
                content, status = await answer.read(), answer.status
            if status != 206 or len(content) != int(length):
                return book.trouble(f"segment: {status}, {len(content)} of {length} bytes", camera, begun_s)
            book.counts["segments played"] += 1
        except TROUBLE as error:
            book.trouble(f"playing: {type(error).__name__}", camera, begun_s)
        return None


def _edge(playlist: str) -> float:
    """Where a playlist ends, in seconds since 1970."""
    last = playlist.rpartition("#EXT-X-PROGRAM-DATE-TIME:")[2]
    begin = datetime.fromisoformat(last.partition("\n")[0].replace("Z", "+00:00")).timestamp()
    return begin + sum(map(float, re.findall(r"#EXTINF:([\d.]+)", last)))


async def _until(look: Any, seconds: float) -> bool:
    end_s = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end_s:
            return False
        await asyncio.sleep(0.05)
    return True


async def crowd(url: str, people: list[tuple[dict[str, Any], list[str], bool]], book: Book, seed: int) -> None:
    """All of them until cancelled; each with their tokens, their cameras, and whether they watch live."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    async with aiohttp.ClientSession(url, timeout=timeout) as http, asyncio.TaskGroup() as tasks:
        for number, (tokens, cameras, live) in enumerate(people):
            person = Person(http, tokens, cameras, Random(seed * 1000 + number))
            tasks.create_task(person.live(book) if live else person.stored(book))


class Crowd:
    """The people, on a thread of their own."""

    def __init__(self, url: str, people: list[tuple[dict[str, Any], list[str], bool]], book: Book, seed: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(crowd(url, people, book, seed))
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)
        self._thread.start()
        self.failed = ""

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass  # that is how it ends
        except BaseExceptionGroup as error:
            self.failed = repr(error.exceptions)

    def close(self) -> None:
        """They all go."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(60)
