"""A real browser, and one running product that the tests of a module share."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.stack import Stack

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# A browser that talks to nobody but us, and shows pictures without a person's touch.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium instead of one that would be downloaded."""
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Server, camera and agent. Chunks of ten seconds, so that playback soon crosses from one to the next."""
    settings = {"source": {"kind": "file", "name": "street.mp4"}, "width": 320, "height": 240, "fps": 15, "chunk_s": 10}
    with Stack(tmp_path_factory.mktemp("product"), settings=settings | {"bitrate_kbit": 400}) as running:
        yield running


def sign_in(browser: Browser, stack: Stack, email: str, path: str = "/") -> Page:
    """A page of a browser of one's own, signed in through the link and its button as a person does."""
    page = browser.new_context(base_url=stack.url).new_page()
    page.goto(stack.sign_in_link(email))
    page.get_by_role("button", name="Sign in on this device").click()
    page.wait_for_url(f"{stack.url}/")
    if path != "/":
        page.goto(path)
    return page
