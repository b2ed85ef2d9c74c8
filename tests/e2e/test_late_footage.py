"""Playback near the present while storage is away and back: what the camera ships late is taken in without a reload."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.e2e

AWAY_S = 12.0
PICTURE_AT = "([jid, ms]) => window.ucam.clocks.get(jid)?.pictureAt(ms) ?? null"
AT = "(jid) => window.ucam.clocks.get(jid)?.precise ?? null"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A camera whose recordings from the past may take little of the network: they arrive well after the present."""
    settings = {"source": {"kind": "test"}, "width": 320, "height": 240, "fps": 10, "bitrate_kbit": 300, "chunk_s": 10}
    with Stack(tmp_path_factory.mktemp("product"), settings=settings) as running:
        slow = (
            "from cameras.models import Camera; camera = Camera.objects.get(); camera.uplink_kbit = 128; camera.save()"
        )
        running.shell(slow)
        yield running


def instant(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def states(stack: Stack, access: str, from_s: float, to_s: float) -> set[str]:
    """What became of a range."""
    path = f"/api/cameras/{stack.camera_jid}/coverage/?from={instant(from_s)}&to={instant(to_s)}"
    spans: list[dict[str, Any]] = stack.request("GET", path, access=access)["spans"]
    return {span["state"] for span in spans}


def near_the_present(stack: Stack, browser: Browser) -> Page:
    """A page that plays what was stored a moment ago."""
    begun_s, access = time.time(), stack.access_token()
    until(lambda: states(stack, access, begun_s, begun_s + 14) == {"stored"}, "footage is stored", 90)
    page = sign_in(browser, stack, "alice@example.com", f"/cameras/{stack.camera_jid}/?at={instant(time.time() - 12)}")
    expect(page.locator("#stage")).to_have_attribute("data-show", "past", timeout=60_000)
    page.evaluate("() => (window.stayed = true)")
    return page


def test_what_arrives_late_is_played_without_a_reload(stack: Stack, browser: Browser) -> None:
    page = near_the_present(stack, browser)
    stack.stop_server()
    gone_s = time.time()
    until(lambda: time.time() > gone_s + AWAY_S, "storage stays away", AWAY_S + 5)
    back_s = time.time()
    stack.start_server()
    middle_ms = (gone_s + back_s) / 2 * 1000
    until(
        lambda: (page.evaluate(AT, stack.camera_jid) or 0) > back_s * 1000, "it plays what was recorded afterwards", 90
    )
    access = stack.access_token()
    until(lambda: states(stack, access, gone_s, back_s) == {"stored"}, "what was recorded meanwhile has arrived", 120)
    asked = [stack.camera_jid, middle_ms]
    until(lambda: page.evaluate(PICTURE_AT, asked) is True, "the player knows of it", 60)
    local = page.evaluate("(ms) => new Date(ms).toLocaleTimeString('en-GB')", middle_ms)
    page.keyboard.press("g")
    page.locator("#go-to").fill(local)
    page.keyboard.press("Enter")
    until(lambda: 0 <= (page.evaluate(AT, stack.camera_jid) or 0) - middle_ms + 1000 < 6000, "it plays from there", 30)
    expect(page.locator("#stage .veil").first).to_be_hidden()
    assert page.evaluate("() => window.stayed")
    page.context.close()
