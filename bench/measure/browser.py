"""Chromium on the two pages: the product's camera page, and the bare peer's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from bench.measure.contestants import Bare, Ucam

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
WATCH = Path(__file__).with_name("watch.js")
VIEWPORT = {"width": 1280, "height": 800}
FIRST_WITHIN_MS = 10_000
OPEN_WITHIN_MS = 30_000


@contextmanager
def chromium() -> Iterator[BrowserContext]:
    """A browser that has the measuring script on every page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=FLAGS, ignore_default_args=["--headless"]
        )
        context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
        context.add_init_script(path=WATCH)
        try:
            yield context
        finally:
            browser.close()


@dataclass(frozen=True, slots=True)
class Viewing:
    """A page with a live picture that comes by one press and goes by another (both JavaScript expressions)."""

    page: Page
    video: str
    press: str
    leave: str

    def first_frame_ms(self) -> float:
        """From the press to the first frame taken after it."""
        script = f"([video, limit]) => bench.first(video, () => {{ {self.press} }}, limit)"
        return float(self.page.evaluate(script, [self.video, FIRST_WITHIN_MS]))

    def lateness(self, ms: int) -> dict[str, Any]:
        """`late`: ms of each frame shown; `shown` of `span` frames."""
        found: dict[str, Any] = self.page.evaluate("([video, ms]) => bench.lateness(video, ms)", [self.video, ms])
        return found

    def end(self) -> None:
        """No picture any more."""
        self.page.evaluate(f"() => {{ {self.leave} }}")


def sign_in(context: BrowserContext, link: str) -> None:
    """As a person does: open the link, press the button."""
    page = context.new_page()
    page.goto(link)
    page.click("#confirm-button")
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    page.close()


def camera_page(context: BrowserContext, ucam: Ucam) -> Viewing:
    """The product's page of the camera, live already; the camera must be there."""
    page = context.new_page()
    page.goto(f"{ucam.stack.url}/cameras/{ucam.stack.camera_jid}/")
    page.wait_for_selector('#stage[data-show="live"]', timeout=OPEN_WITHIN_MS)
    click = "document.querySelector('#{}').click()".format
    return Viewing(page, 'video[data-part="live"]', click("live"), click("play"))


def bare_page(context: BrowserContext, bare: Bare, width: float) -> Viewing:
    """The peer's page, live already, its video as wide as the product's."""
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{bare.port}/")
    page.evaluate("(width) => { document.querySelector('video').style.width = `${width}px` }", width)
    viewing = Viewing(page, "video", "start()", "stop()")
    viewing.first_frame_ms()
    return viewing
