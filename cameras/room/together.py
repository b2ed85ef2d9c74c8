"""Many who ask at the same moment are answered by one job: after a restart everybody comes back at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Q = TypeVar("Q")
A = TypeVar("A")
MOST = 50  # so that the first of five hundred do not wait for the last

_Waiting = list[tuple[Q, "asyncio.Future[A]"]]


class Together(Generic[Q, A]):
    """`answer` gets the questions that gathered while it was busy, and answers each, or with the error to raise."""

    def __init__(self, answer: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]], most: int = MOST) -> None:
        self._answer, self._most = answer, most
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting[Q, A]] = WeakKeyDictionary()
        self._working: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()

    async def ask(self, question: Q) -> A:
        """The answer to one question, looked up after it was asked. Raises what the job raises."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.setdefault(loop, [])
        future: asyncio.Future[A] = loop.create_future()
        waiting.append((question, future))
        if loop not in self._working or self._working[loop].done():
            self._working[loop] = loop.create_task(self._work(waiting))
        return await future

    async def _work(self, waiting: _Waiting[Q, A]) -> None:
        while waiting:
            batch = [one for one in waiting[: self._most] if not one[1].done()]  # some have gone meanwhile
            del waiting[: self._most]
            try:
                answers: Sequence[A | Exception] = await self._answer([question for question, _ in batch])
            except Exception as error:  # whatever it is, it is theirs who asked
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
