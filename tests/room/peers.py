"""Peers for tests: they say and hear messages of the protocol, over a websocket to the room in this process."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from ucam_protocol import SUBPROTOCOL, FromServer, Hello, Message, Pong, Welcome, decode_from_server, encode

from accounts.models import User
from cameras.models import Camera, DeviceToken
from cameras.room.room import Room
from tests.conftest import Cast
from ucam.asgi import application

M = TypeVar("M", bound=Message)
_fences = itertools.count(1)


def anything(message: Message) -> bool:
    """Any message will do."""
    return True


class Ears:
    """Hears messages one by one; those that nobody asked for yet wait in `heard`."""

    def __init__(self) -> None:
        self.heard: list[FromServer] = []
        self.closed: int | None = None
        self.welcome: Welcome

    @property
    def jid(self) -> str:
        """The full JID that the server gave."""
        return self.welcome.jid

    async def next_frame(self) -> str | int:
        """The next frame, or the code of the close."""
        raise AssertionError("a kind of socket must say how it receives")

    async def send_frame(self, text: str) -> None:
        """Send a frame as it is."""
        raise AssertionError("a kind of socket must say how it sends")

    async def say(self, message: Message) -> None:
        """Send a message."""
        await self.send_frame(encode(message))

    async def hear(self, kind: type[M], where: Callable[[Any], bool] = anything, within_s: float = 5) -> M:
        """The next message of a kind; others are kept."""
        async with asyncio.timeout(within_s):
            while True:
                for message in self.heard:
                    if isinstance(message, kind) and where(message):
                        self.heard.remove(message)
                        return message
                assert self.closed is None, f"closed with {self.closed}, heard {self.heard}"
                await self._take()

    async def hear_close(self, within_s: float = 8) -> int:
        """The code with which the server closes."""
        async with asyncio.timeout(within_s):
            while self.closed is None:
                await self._take()
        return self.closed

    async def _take(self) -> None:
        frame = await self.next_frame()
        if isinstance(frame, int):
            self.closed = frame
        else:
            self.heard.append(decode_from_server(frame))

    async def hello(self, token: str = "", capabilities: list[str] | None = None, within_s: float = 5) -> None:
        """Say hello and hear the welcome."""
        await self.say(Hello(version=1, token=token, capabilities=capabilities or []))
        self.welcome = await self.hear(Welcome, within_s=within_s)


class Peer(Ears):
    """One connection to the room in this process."""

    def __init__(
        self, headers: dict[str, str] | None = None, *, path: str = "/ws/room", spoken: str = SUBPROTOCOL
    ) -> None:
        super().__init__()
        encoded = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        self.socket = WebsocketCommunicator(application, path, encoded, [spoken] if spoken else [])

    async def connect(self) -> Peer:
        """Through the handshake, which always succeeds: refusals are close codes."""
        accepted, _ = await self.socket.connect(timeout=5)
        assert accepted
        return self

    async def next_frame(self) -> str | int:
        sent = await self.socket.receive_output(timeout=30)
        return sent.get("code", 1000) if sent["type"] == "websocket.close" else str(sent["text"])

    async def send_frame(self, text: str) -> None:
        await self.socket.send_to(text_data=text)

    async def leave(self) -> None:
        """Close from this side."""
        await self.socket.disconnect(timeout=5)

    async def everything_so_far(self) -> list[FromServer]:
        """All that was on its way to this peer: a mark is sent behind it, on the same way, and waited for."""
        room, mark = Room.here(), next(_fences)
        process = next(member.process for member in await room.roster.everyone() if member.jid == self.jid)
        await room.send(process, self.jid, Pong(sent_ms=mark, server_ms=-1))
        await self.hear(Pong, lambda pong: pong.server_ms == -1 and pong.sent_ms == mark)
        return self.heard


def url_origin() -> dict[str, str]:
    """The header that the server's own pages send."""
    return {"Origin": settings.UCAM_URL}


async def person(cast: Cast, user: User) -> Peer:
    """A person in the room, from a browser."""
    token = await sync_to_async(cast.access)(user)
    peer = await Peer(url_origin()).connect()
    await peer.hello(token, ["view"])
    return peer


async def device(camera: Camera, token: str = "") -> Peer:
    """A camera in the room."""
    token = token or await sync_to_async(DeviceToken.objects.issue)(camera)
    peer = await Peer({"Authorization": f"Bearer {token}"}).connect()
    await peer.hello(capabilities=["live", "record"])
    return peer
