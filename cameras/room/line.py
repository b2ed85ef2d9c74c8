"""The line between server processes: what is said in one is heard in all, by Redis publish and subscribe.

It keeps nothing: a process that loses the line cannot know what it missed, so everybody in it must come in anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from ucam_protocol import Message, encode

from cameras.room.audience import Audience
from cameras.room.roster import PREFIX
from cameras.room.spoken import in_english, in_others

log = logging.getLogger(__name__)
ALL = PREFIX + "line"
WITHIN_S = 5.0
AWAY = (RedisError, OSError, TimeoutError)  # what is raised while Redis cannot be reached


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """A frame for an audience; `others` has it in other languages, where it holds words of ours."""

    frame: str
    audience: Audience
    others: dict[str, str] = {}
    comer: int = 0  # says that this newcomer is here: whoever has them in their roster need not hear it

    def frame_in(self, language: str) -> str:
        """The frame for a reader of this language."""
        return self.others.get(language, self.frame)


class Send(msgspec.Struct, frozen=True, tag="send"):
    """A frame for one connection (full JID); `others` as above."""

    frame: str
    to: str
    others: dict[str, str] = {}

    def frame_in(self, language: str) -> str:
        """The frame for a reader of this language."""
        return self.others.get(language, self.frame)


class Replaced(msgspec.Struct, frozen=True, tag="replaced"):
    """A newer connection has taken the place of this one (full JID)."""

    to: str


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A process says to itself that it still hears."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """A process says to itself that it has heard enough."""


Said = Tell | Send | Replaced | Beat | Stop
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Said).decode


def told(audience: Audience, message: Message, others: Mapping[str, Message] | None = None) -> bytes:
    """A message for an audience as it goes over the line `ALL`."""
    return _encode(Tell(encode(in_english(message)), audience, _frames(others or in_others(message))))


def _frames(others: Mapping[str, Message]) -> dict[str, str]:
    return {language: encode(message) for language, message in others.items()}


def line_of(process: str) -> str:
    """The line to one process."""
    return f"{ALL}:{process}"


class Line:
    """The end of one process. Methods raise one of AWAY while Redis is away."""

    def __init__(self, redis: Any, process: str) -> None:
        self._redis, self._own = redis, line_of(process)
        self._listening: asyncio.Task[None] | None = None
        self._heard_s = 0.0  # monotonic: when anything last came over it

    @property
    def is_open(self) -> bool:
        """Whether somebody listens at this end."""
        return self._listening is not None and not self._listening.done()

    def silent_s(self) -> float:
        """Seconds since anything was heard; `beat` makes sure that it is little while the line holds."""
        return time.monotonic() - self._heard_s

    async def open(
        self, take: Callable[[Said], Awaitable[None]], lost: Callable[[BaseException], Awaitable[None]]
    ) -> None:
        """Hear from now on; `lost` is called once when that ends by itself. Twice is once."""
        if self.is_open:
            return
        # No retries: redis-py would subscribe again without a word about what was missed.
        redis = Redis.from_url(settings.REDIS_URL, socket_timeout=None, retry=Retry(NoBackoff(), 0))
        subscription = redis.pubsub()
        async with asyncio.timeout(WITHIN_S):
            await subscription.subscribe(ALL, self._own)
            for _ in range(2):
                await subscription.get_message(timeout=WITHIN_S)  # the confirmations
        self._heard_s = time.monotonic()
        self._listening = asyncio.create_task(self._listen(redis, subscription, take, lost))

    async def _listen(
        self,
        redis: Redis,
        subscription: Any,
        take: Callable[[Said], Awaitable[None]],
        lost: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        try:
            async for heard in subscription.listen():
                if heard["type"] != "message":
                    continue
                self._heard_s = time.monotonic()
                said = _decode(heard["data"])
                if isinstance(said, Stop):
                    return
                await take(said)
            await lost(ConnectionError("the subscription has ended"))
        except Exception as error:  # whatever ended it: nobody here would hear anything any more, and not know it
            if not isinstance(error, AWAY):
                log.exception("Listening to the other server processes failed.")
            await lost(error)
        finally:
            with suppress(*AWAY):
                await subscription.aclose()
                await redis.aclose()

    async def close(self) -> None:
        """Hear no more; twice is once."""
        listening, self._listening = self._listening, None
        if listening is None or listening.done():
            return
        try:
            await self._redis.publish(self._own, _encode(Stop()))
            async with asyncio.timeout(WITHIN_S):
                await listening
        except AWAY:
            listening.cancel()

    async def beat(self) -> None:
        """Say something that only this end hears."""
        await self._redis.publish(self._own, _encode(Beat()))

    async def tell(self, audience: Audience, message: Message) -> None:
        """Say something to an audience, in every process."""
        await self._redis.publish(ALL, told(audience, message))

    async def tell_of(self, comer: int, audience: Audience, message: Message) -> None:
        """Say that a newcomer is here."""
        await self._redis.publish(ALL, _encode(Tell(encode(message), audience, comer=comer)))

    async def send(self, process: str, to: str, message: Message) -> bool:
        """Say something to one connection; False when its process does not hear."""
        sent = Send(encode(in_english(message)), to, _frames(in_others(message)))
        return bool(await self._redis.publish(line_of(process), _encode(sent)))

    async def replace(self, process: str, to: str) -> None:
        """Tell a connection that it is replaced."""
        await self._redis.publish(line_of(process), _encode(Replaced(to)))
