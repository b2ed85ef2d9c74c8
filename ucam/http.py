"""Django's ASGI handler with threads that stay: their connections to the database do too.

Django runs each request on a thread of its own, made for it and thrown away. So each request opened the database
anew, which with SQLite (pragmas, some forty functions of Django's) costs more than most of our answers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler
from django.db import connections

KEPT_MAX = 8


class OneThread(ThreadPoolExecutor):
    """One thread, and whether it has anything to do."""

    def __init__(self) -> None:
        super().__init__(1, "request")
        self._undone = set[Future[Any]]()

    @property
    def is_idle(self) -> bool:
        """Whether all is done that it was given."""
        return not self._undone

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As any executor does it."""
        future = super().submit(fn, *args, **kwargs)
        self._undone.add(future)
        future.add_done_callback(self._undone.discard)
        return future

    def close(self) -> None:
        """The thread ends, and its connections, when it has done what it was given."""
        self.submit(connections.close_all)
        self.shutdown(wait=False)


class Threads:
    """Nobody waits for a thread: without an idle one another is made, and not all are kept."""

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._idle: list[OneThread] = []
        self._kept_max = kept_max

    @contextlib.contextmanager
    def one(self) -> Iterator[OneThread]:
        """One for this request alone. On the event loop's thread only."""
        thread = self._idle.pop() if self._idle else OneThread()
        try:
            yield thread
        finally:
            if thread.is_idle:
                self._idle.append(thread)
                self.shrink(self._kept_max)
            else:
                thread.close()  # whoever asked left, and their view goes on: nobody else is to wait for its end

    def shrink(self, count: int) -> None:
        """Lets idle ones go until so many are left."""
        while len(self._idle) > count:
            self._idle.pop(0).close()


class HttpApplication(ASGIHandler):
    """As Django's, on threads that stay."""

    chunk_size = 2**18  # a message to daphne; a playlist of a day has 1.3 MB

    def __init__(self) -> None:
        super().__init__()
        self.threads = Threads()

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """One request."""
        if scope["type"] != "http":
            raise ValueError("This application is for HTTP only.")
        with self.threads.one() as thread:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)


def application() -> HttpApplication:
    """As django.core.asgi.get_asgi_application, with this handler."""
    django.setup(set_prefix=False)
    return HttpApplication()
