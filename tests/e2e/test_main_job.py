"""The main job in a real browser: link, live, chat, playback, and nothing leaves the camera once nobody watches."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.e2e

CAMERA = f"/cameras/{Stack.camera_jid}/"
DECODED = """async () => {
  const peer = window.ucam?.sessions.get('cam001@studio.loc');
  if (!peer) return 0;
  for (const entry of (await peer.getStats()).values())
    if (entry.type === 'inbound-rtp' && entry.kind === 'video') return entry.framesDecoded ?? 0;
  return 0;
}"""
PAST_AT = "() => document.querySelector('video[data-part=past]').currentTime"


def frames(page: Page) -> int:
    """Live frames decoded so far by this page."""
    return int(page.evaluate(DECODED))


def grows(measure: Callable[[], float], by: float, seconds: float, what: str) -> None:
    """Waits until `measure` has grown by that much."""
    first = measure()
    until(lambda: measure() >= first + by, what, seconds)


def viewers(stack: Stack) -> int:
    """Live sessions that the camera has now, by its own word (what is 0 is left out of a status)."""
    return int(stack.agent.status().get("viewers", 0))


def stored_chunks(stack: Stack) -> list[str]:
    """Names of the chunk files on storage."""
    return sorted(str(path) for path in (stack.data / "media").rglob("*.mp4"))


def test_a_person_signs_in_by_link_and_sees_the_camera_move(stack: Stack, browser: Browser) -> None:
    page = sign_in(browser, stack, "alice@example.com")
    tile = page.locator(".tile", has_text="cam001")
    expect(tile).to_have_attribute("data-live", "live", timeout=60_000)
    grows(lambda: frames(page), 30, 15, "30 live frames on the wall")
    page.context.close()


def test_a_link_works_once(stack: Stack, browser: Browser) -> None:
    link = stack.sign_in_link()
    for heading in ("Cameras", "This link is used up"):
        page = browser.new_context().new_page()
        page.goto(link)
        page.get_by_role("button", name="Sign in on this device").click()
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        page.context.close()


def test_what_one_says_the_other_reads(stack: Stack, browser: Browser) -> None:
    stack.add_user("bob@example.com", "--name", "Bob", "--location", stack.location, "--may", "watch,replay")
    alice, bob = sign_in(browser, stack, "alice@example.com"), sign_in(browser, stack, "bob@example.com", "/room/")
    for page in (alice, bob):
        expect(page.locator("html")).to_have_attribute("data-room", "open")
    alice.locator("#say").fill("Is this <b>the</b> courier?")
    alice.keyboard.press("Enter")
    message = bob.locator("#room-list li", has_text="courier")
    expect(message).to_contain_text("Is this <b>the</b> courier?")
    expect(message).to_contain_text("Alice")
    bob.reload()
    expect(bob.locator("#room-list")).to_contain_text("courier")
    for page in (alice, bob):
        page.context.close()


def test_the_past_plays_over_a_chunk_boundary_without_a_stall(stack: Stack, browser: Browser) -> None:
    until(lambda: len(stored_chunks(stack)) >= 4, "three chunks and a bit are stored", 60)
    page = sign_in(browser, stack, "alice@example.com", CAMERA)
    expect(page.locator("#stage")).to_have_attribute("data-live", "live", timeout=60_000)
    at = page.evaluate("() => new Date(Date.now() - 28000).toISOString()")
    page.goto(f"{CAMERA}?at={at}")
    expect(page.locator("#stage")).to_have_attribute("data-show", "past", timeout=15_000)
    page.evaluate(
        """() => { window.stalls = 0;
        document.querySelector('video[data-part=past]').addEventListener('waiting', () => window.stalls++); }"""
    )
    grows(lambda: page.evaluate(PAST_AT), 12, 25, "12 s of the past, so at least one boundary of 10 s chunks")
    assert page.evaluate("() => window.stalls") == 0
    page.locator("#live").click()
    expect(page.locator("#stage")).to_have_attribute("data-show", "live", timeout=15_000)
    page.context.close()


@pytest.mark.parametrize("way", ["leaves", "closes the tab"])
def test_media_stops_when_the_last_viewer_is_gone(stack: Stack, browser: Browser, way: str) -> None:
    until(lambda: viewers(stack) == 0, "nobody watches from before", 20)
    page = sign_in(browser, stack, "alice@example.com", CAMERA)
    expect(page.locator("#stage")).to_have_attribute("data-live", "live", timeout=60_000)
    until(lambda: viewers(stack) == 1, "the camera knows its viewer", 10)
    if way == "leaves":
        page.goto("/alerts/")
    else:
        page.close(run_before_unload=False)
    until(lambda: viewers(stack) == 0, "media stops", 15)
    page.context.close()


def test_who_may_not_sees_nothing(stack: Stack, browser: Browser) -> None:
    stack.add_user("mallory@example.com")
    page = sign_in(browser, stack, "mallory@example.com")
    expect(page.locator("#wall")).to_contain_text(re.compile("no camera", re.IGNORECASE))
    page.goto(CAMERA)
    expect(page.locator("main")).to_contain_text("There is nothing here for you")
    page.context.close()
