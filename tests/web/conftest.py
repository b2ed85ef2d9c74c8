"""The pages' own shells and scripts in a real browser; the server's end of the wire is the test's."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, Route, WebSocketRoute

from tests.e2e.conftest import browser_type_launch_args

__all__ = ["browser_type_launch_args"]

KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
ME = {
    "jid": "bob@example.com", "email": "bob@example.com", "name": "Bob", "operator": False, "language": "en",
    "places": [{"location": "studio.loc", "name": "Studio", "may": ["watch", "replay"]}],
}  # fmt: skip
CAMERA = {
    "jid": "cam001@studio.loc", "name": "Front door", "location": "studio.loc", "location_name": "Studio",
    "timezone": "Europe/Berlin", "may": ["watch", "replay"], "online": True, "offline_since": None, "watchers": [],
    "status": None, "latest_at": None,
}  # fmt: skip
AWAY, LATER = "away", "later"  # the network fails; the test answers by itself
Answer = Any | Callable[[str], Any]


def jwt() -> str:
    """A token as a browser reads it: for an hour."""
    now = int(time.time())
    claims = base64.urlsafe_b64encode(json.dumps({"iat": now, "exp": now + 3600}).encode()).decode().rstrip("=")
    return f"x.{claims}.x"


class Server:
    """Answers of the API by path; frames of the room. What is not said here is answered with an empty list."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {"/api/me/": ME, "/api/cameras/": [CAMERA]}
        self.asked: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.roster: list[dict[str, Any]] = []
        self.sockets: list[WebSocketRoute] = []
        self.waiting: list[Route] = []

    def say(self, **message: Any) -> None:
        """To the newest connection."""
        self.sockets[-1].send(json.dumps(message))

    def cut(self) -> None:
        """The newest connection ends."""
        self.sockets[-1].close(code=1012)

    def answer(self, route: Route) -> None:
        """One request of the page."""
        address = urlsplit(route.request.url)
        asked = address.path + (f"?{address.query}" if address.query else "")
        self.asked.append(asked)
        known = self.answers.get(asked, self.answers.get(address.path, []))
        told = known(asked) if callable(known) else known
        if told == AWAY:
            return route.abort()
        if told == LATER:
            self.waiting.append(route)
            return None
        status, body = told if isinstance(told, tuple) else (200, told)
        return route.fulfill(status=status, json=body)

    def room(self, socket: WebSocketRoute) -> None:
        """Somebody comes in."""
        self.sockets.append(socket)
        number = len(self.sockets)

        def hear(frame: str | bytes) -> None:
            message = json.loads(frame)
            self.heard.append(message)
            if message["type"] == "hello":
                welcome = {
                    "type": "welcome", "version": 1, "jid": f"bob@example.com/{number}", "roster": self.roster,
                    "server_ms": int(time.time() * 1000), "messages": self.messages,
                }  # fmt: skip
                socket.send(json.dumps(welcome))

        socket.on_message(hear)

    def said(self, kind: str) -> list[dict[str, Any]]:
        """What the page said of this kind."""
        return [message for message in self.heard if message["type"] == kind]


class Shells(BaseHTTPRequestHandler):
    """Pages without data, as Django makes them, and the files that they are made of."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        file = Path(settings.BASE_DIR) / path.lstrip("/")
        if not path.startswith("/static/"):
            return self._send(Client().get(self.path, headers={"host": "localhost"}).content, "text/html")
        found = file.is_file()
        return self._send(file.read_bytes() if found else b"", KINDS.get(file.suffix, ""), 200 if found else 404)

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind or "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="session")
def shells() -> Iterator[str]:
    """Where they are."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shells) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def context_of_bob(browser: Browser, server: Server, shells: str) -> Iterator[BrowserContext]:
    """A browser in which bob is signed in."""
    context = browser.new_context(base_url=shells, locale="en-GB", timezone_id="Europe/Berlin", service_workers="block")
    kept = {"ucam.access": jwt(), "ucam.refresh": "r", "ucam.received": str(int(time.time() * 1000))}
    context.add_init_script(f"for (const [k, v] of Object.entries({json.dumps(kept)})) localStorage.setItem(k, v);")
    context.route(f"{shells}/api/**", server.answer)
    context.route_web_socket(f"{shells.replace('http', 'ws')}/ws/room", server.room)
    yield context
    context.close()


@pytest.fixture
def page(context_of_bob: BrowserContext) -> Page:
    """Its one page; what its scripts throw fails the test that looks at it."""
    return context_of_bob.new_page()


def opened(page: Page, path: str) -> None:
    """A page, in the room."""
    page.goto(path)
    page.wait_for_selector('html[data-room="open"]')


def run(page: Page, script: str) -> Any:
    """What a script in the page answers."""
    return page.evaluate(f"async () => {{ {script} }}")
