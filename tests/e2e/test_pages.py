"""The pages themselves: no page complains, none is wider than a phone, keys and words do what they say."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.e2e

CAMERA = f"/cameras/{Stack.camera_jid}/"
PAGES = ["/", CAMERA, "/room/", "/alerts/"]
WEIGHT = """() => performance.getEntriesByType('resource')
  .filter((entry) => !entry.name.includes('/api/')).reduce((sum, entry) => sum + entry.transferSize, 0)"""


@pytest.fixture(scope="module")
def alice(stack: Stack, browser: Browser) -> Iterator[Page]:
    page = sign_in(browser, stack, "alice@example.com")
    yield page
    page.context.close()


@pytest.mark.parametrize("path", PAGES)
def test_no_page_breaks_the_content_policy_or_throws(alice: Page, path: str) -> None:
    complaints: list[str] = []
    alice.on("pageerror", lambda error: complaints.append(str(error)))
    alice.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    alice.goto(path)
    expect(alice.locator("html")).to_have_attribute("data-room", "open")
    expect(alice.locator("h1")).not_to_be_empty()
    assert complaints == []


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_a_small_phone(alice: Page, path: str) -> None:
    alice.set_viewport_size({"width": 360, "height": 740})
    alice.goto(path)
    expect(alice.locator("html")).to_have_attribute("data-room", "open")
    assert alice.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    alice.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.parametrize("path", PAGES)
def test_a_page_weighs_at_most_250_kb_before_video(alice: Page, path: str) -> None:
    """For somebody who has nothing of it yet: what the browser has kept from other tests would weigh nothing."""
    tools = alice.context.new_cdp_session(alice)
    tools.send("Network.enable")
    tools.send("Network.setCacheDisabled", {"cacheDisabled": True})
    tools.send("Network.setBypassServiceWorker", {"bypass": True})
    alice.goto(path)
    expect(alice.locator("html")).to_have_attribute("data-room", "open")
    weight = int(alice.evaluate(WEIGHT))
    tools.detach()
    assert 30_000 < weight <= 250_000


def test_keys_go_back_stop_and_return_to_live(alice: Page) -> None:
    alice.goto(CAMERA)
    stage = alice.locator("#stage")
    expect(stage).to_have_attribute("data-live", "live", timeout=60_000)
    alice.keyboard.press("ArrowLeft")
    expect(stage).to_have_attribute("data-mode", "past")
    expect(stage).to_have_attribute("data-show", "past", timeout=15_000)
    alice.keyboard.press("Space")
    expect(alice.locator("#play")).to_have_attribute("aria-label", "Play")
    before = alice.locator("#clock").get_attribute("datetime")
    alice.keyboard.press(",")
    until(lambda: alice.locator("#clock").get_attribute("datetime") != before, "one frame back", 10)
    alice.keyboard.press("l")
    expect(stage).to_have_attribute("data-show", "live", timeout=15_000)


def test_an_instant_without_footage_says_so_and_shows_a_way_on(alice: Page) -> None:
    alice.goto(f"{CAMERA}?at=2020-01-01T12:00:00Z")
    expect(alice.locator("#stage .veil")).to_contain_text("Nothing is stored at", timeout=15_000)
    alice.locator("#stage .veil button").click()
    expect(alice.locator("#stage")).to_have_attribute("data-mode", re.compile("live|past"))
    expect(alice.locator("#stage .veil")).to_be_hidden()


def test_a_mention_is_completed_and_shown_by_name(alice: Page) -> None:
    alice.goto("/room/")
    expect(alice.locator("html")).to_have_attribute("data-room", "open")
    alice.locator("#say").press_sequentially("Look, @cam")
    expect(alice.locator("#say-mentions [aria-selected=true]")).to_contain_text(Stack.camera_jid)
    alice.keyboard.press("Enter")
    expect(alice.locator("#say")).to_have_value(f"Look, @{Stack.camera_jid} ")
    alice.keyboard.press("Enter")
    expect(alice.locator("#room-list .mention").last).to_have_text(re.compile("^@"))


def test_without_the_server_the_page_says_so_and_comes_back(alice: Page) -> None:
    alice.route_web_socket("**/ws/room", lambda socket: socket.close(code=1012))
    alice.goto("/room/")
    expect(alice.locator("#connection")).to_contain_text("The cameras go on recording", timeout=15_000)
    alice.context.unroute_all()
    alice.route_web_socket("**/ws/room", lambda socket: socket.connect_to_server())
    alice.get_by_role("button", name="Try now").click()
    expect(alice.locator("html")).to_have_attribute("data-room", "open", timeout=20_000)
    expect(alice.locator("#connection")).to_be_hidden()


def test_strangers_are_led_to_the_sign_in_page_and_back(stack: Stack, browser: Browser) -> None:
    page = browser.new_context(base_url=stack.url).new_page()
    page.goto("/alerts/")
    page.wait_for_url(re.compile(r"/sign-in/\?next=%2Falerts%2F$"))
    page.get_by_label("E-mail address").fill("ana.example.com")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.locator("#email-error")).to_contain_text("There is no @ in this address")
    page.get_by_label("E-mail address").fill("nobody@example.com")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading", name="Look in your mail")).to_be_visible()
    page.context.close()


def test_opening_a_link_uses_nothing_up_and_is_kept_by_nobody(stack: Stack, browser: Browser) -> None:
    link = stack.sign_in_link()
    page = browser.new_context(base_url=stack.url).new_page()
    for _ in range(2):
        answer = page.goto(link)
        assert answer is not None
        assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")
    page.get_by_role("button", name="Sign in on this device").click()
    page.wait_for_url(f"{stack.url}/")
    page.context.close()


def test_signing_out_ends_it_on_this_device(stack: Stack, browser: Browser) -> None:
    page = sign_in(browser, stack, "alice@example.com")
    page.locator(".rail .me summary").click()
    page.locator(".rail [data-do=sign-out]").click()
    page.wait_for_url(re.compile("/sign-in/$"))
    page.goto("/")
    page.wait_for_url(re.compile("/sign-in/$"))
    page.context.close()
