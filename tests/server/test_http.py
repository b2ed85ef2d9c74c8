"""Requests run on threads that stay; however many come at once, none waits for another's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from tests.e2e.stack import until
from ucam.http import KEPT_MAX, HttpApplication

AT_ONCE = 3 * KEPT_MAX
together = threading.Barrier(AT_ONCE)
begun, enough = threading.Event(), threading.Event()


def thread(request: HttpRequest) -> HttpResponse:
    """Where it ran."""
    return HttpResponse(str(threading.get_ident()))


def meeting(request: HttpRequest) -> HttpResponse:
    """Answers when all of them run at the same time."""
    together.wait(20)
    return thread(request)


def long(request: HttpRequest) -> HttpResponse:
    """Answers when it is told to."""
    begun.set()
    enough.wait(20)
    return thread(request)


urlpatterns = [path("thread", thread), path("meeting", meeting), path("long", long)]


@pytest.fixture
def http() -> Iterator[HttpApplication]:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"]):
        made = HttpApplication()
        yield made
        made.threads.shrink(0)


def running() -> set[str]:
    """The threads for requests that there are."""
    return {str(one.ident) for one in threading.enumerate() if one.name.startswith("request")}


async def asked(http: HttpApplication, where: str) -> ApplicationCommunicator:
    """A request under way."""
    scope = {"type": "http", "method": "GET", "path": where, "query_string": b"", "headers": [(b"host", b"shop")]}
    communicator = ApplicationCommunicator(http, scope)
    await communicator.send_input({"type": "http.request"})
    return communicator


async def answer(http: HttpApplication, where: str) -> str:
    communicator = await asked(http, where)
    start = await communicator.receive_output(30)
    assert start["status"] == 200
    body = await communicator.receive_output(30)
    await communicator.wait()
    return bytes(body["body"]).decode()


async def test_one_request_after_the_other_runs_on_the_same_thread(http: HttpApplication) -> None:
    assert len({await answer(http, "/thread") for _ in range(5)}) == 1


async def test_those_that_come_at_once_run_beside_each_other_and_only_some_threads_are_kept(
    http: HttpApplication,
) -> None:
    found = await asyncio.gather(*(answer(http, "/meeting") for _ in range(AT_ONCE)))
    assert len(set(found)) == AT_ONCE
    until(lambda: len(running()) <= KEPT_MAX, "only some threads are kept", 20)
    assert len({await answer(http, "/thread"), *running()} - set(found)) == 0


async def test_who_comes_after_somebody_who_left_does_not_wait_for_what_they_asked(http: HttpApplication) -> None:
    left = await asked(http, "/long")
    assert await asyncio.to_thread(begun.wait, 20)
    await left.send_input({"type": "http.disconnect"})
    try:
        await left.wait(5)
        async with asyncio.timeout(5):
            await answer(http, "/thread")
        assert not enough.is_set()
    finally:
        enough.set()


async def test_only_http_is_answered(http: HttpApplication) -> None:
    with pytest.raises(ValueError, match="HTTP only"):
        await http({"type": "lifespan"}, asyncio.Queue[dict[str, str]]().get, _unsent)


async def _unsent(message: dict[str, str]) -> None:
    raise AssertionError(message)
