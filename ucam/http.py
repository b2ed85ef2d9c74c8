"""Django's ASGI handler with threads that stay: their connections to the database do too.

Django runs each request on a thread of its own, made for it and thrown away. So each request opened the database
anew, which with SQLite (pragmas, some forty functions of Django's) costs more than most of our answers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler
from django.db import connections

KEPT_MAX = 8


class Threads:
    """Executors of one thread each. Nobody waits for one: without an idle one another is made, and not all are kept."""

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._idle: list[ThreadPoolExecutor] = []
        self._kept_max = kept_max

    @contextlib.contextmanager
    def one(self) -> Iterator[ThreadPoolExecutor]:
        """One for this request alone. On the event loop's thread only."""
        executor = self._idle.pop() if self._idle else ThreadPoolExecutor(1, "request")
        try:
            yield executor
        finally:
            self._idle.append(executor)
            self.shrink(self._kept_max)

    def shrink(self, count: int) -> None:
        """Lets idle ones go, with their connections, until so many are left."""
        while len(self._idle) > count:
            executor = self._idle.pop(0)
            executor.submit(connections.close_all)
            executor.shutdown(wait=False)


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
        with self.threads.one() as executor:
            async with ThreadSensitiveContext(executor=executor):
                await self.handle(scope, receive, send)


def application() -> HttpApplication:
    """As django.core.asgi.get_asgi_application, with this handler."""
    django.setup(set_prefix=False)
    return HttpApplication()
