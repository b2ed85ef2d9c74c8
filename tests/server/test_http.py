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


def thread(request: HttpRequest) -> HttpResponse:
    """Where it ran."""
    return HttpResponse(str(threading.get_ident()))


def meeting(request: HttpRequest) -> HttpResponse:
    """Answers when all of them run at the same time."""
    together.wait(20)
    return thread(request)


urlpatterns = [path("thread", thread), path("meeting", meeting)]


@pytest.fixture
def http() -> Iterator[HttpApplication]:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"]):
        made = HttpApplication()
        yield made
        made.threads.shrink(0)


def running() -> set[str]:
    """The threads for requests that there are."""
    return {str(one.ident) for one in threading.enumerate() if one.name.startswith("request")}


async def answer(http: HttpApplication, where: str) -> str:
    scope = {"type": "http", "method": "GET", "path": where, "query_string": b"", "headers": [(b"host", b"shop")]}
    communicator = ApplicationCommunicator(http, scope)
    await communicator.send_input({"type": "http.request"})
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


async def test_only_http_is_answered(http: HttpApplication) -> None:
    with pytest.raises(ValueError, match="HTTP only"):
        await http({"type": "lifespan"}, asyncio.Queue[dict[str, str]]().get, _unsent)


async def _unsent(message: dict[str, str]) -> None:
    raise AssertionError(message)
