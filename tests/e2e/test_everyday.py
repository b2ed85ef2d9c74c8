"""The wall, the room and the app as people use them every day: layouts, keys, leading, links, filters, offline, axe."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.axe import serious
from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.e2e

CAMERA = f"/cameras/{Stack.camera_jid}/"
PAGES = ["/", CAMERA, "/room/", "/alerts/", "/sign-in/", "/offline/"]
KEPT = """async () => (await Promise.all((await caches.keys()).map(async (name) =>
  (await (await caches.open(name)).keys()).map(({url}) => new URL(url).pathname)))).flat().sort()"""
SIX_ROWS = (
    "from cameras.models import Camera, Location; studio = Location.objects.get();"
    "[Camera.objects.create(location=studio, local=f'shelf{n}', name=f'Shelf {n}') for n in range(6)]"
)

MANY = """
from datetime import timedelta
from django.utils import timezone
from cameras.models import Camera, Location, Message
studio, camera, now = Location.objects.get(), Camera.objects.get(local='cam001'), timezone.now()
when = [now - timedelta(minutes=52 * n) for n in range(COUNT, 0, -1)]
rows = Message.objects.bulk_create([Message(from_jid='bob@example.com', from_name='Bob', text=f'said {at:%d.%m. %H:%M}',
    camera=camera, at=at, sent_at=at) for at in when])
Message.locations.through.objects.bulk_create([Message.locations.through(message=row, location=studio) for row in rows])
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One camera that films, six that were never there, and bob."""
    settings = {"source": {"kind": "test"}, "width": 320, "height": 240, "fps": 10, "bitrate_kbit": 300, "chunk_s": 10}
    with Stack(tmp_path_factory.mktemp("product"), settings=settings) as running:
        running.shell(SIX_ROWS)
        running.add_user("bob@example.com", "--name", "Bob", "--location", running.location, "--may", "watch,replay")
        yield running


@pytest.fixture(scope="module")
def alice(stack: Stack, browser: Browser) -> Iterator[Page]:
    page = sign_in(browser, stack, "alice@example.com")
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def bob(stack: Stack, browser: Browser) -> Iterator[Page]:
    page = sign_in(browser, stack, "bob@example.com")
    yield page
    page.context.close()


# How far the wall reaches below the screen, and what each row of it leaves free at its end, in px.
EDGES = """() => {
  const all = [...document.querySelectorAll('.tile')].map((tile) => tile.getBoundingClientRect());
  const end = document.querySelector('#wall').getBoundingClientRect().right;
  const rows = new Map(all.map(({top, right}) => [Math.round(top), end - right]));
  return {below: Math.max(...all.map(({bottom}) => bottom)) - innerHeight, holes: [...rows.values()]};
}"""


def opened(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("html")).to_have_attribute("data-room", "open", timeout=20_000)


def instant(page: Page) -> datetime:
    """What the player shows."""
    return datetime.fromisoformat(page.locator("#clock").get_attribute("datetime") or "1970-01-01T00:00:00Z")


def stored(stack: Stack) -> None:
    """A little more is on storage than people go back here, which is 15 s."""
    access = stack.access_token()
    path = f"/api/cameras/{stack.camera_jid}/days/?month={datetime.now(UTC):%Y-%m}"
    until(lambda: sum(stack.request("GET", path, access=access)["days"].values()) > 18, "footage is stored", 90)


# ---------------------------------------------------------------- the wall


def test_a_tile_out_of_view_ends_its_session_and_comes_back_with_it(alice: Page) -> None:
    alice.set_viewport_size({"width": 700, "height": 420})
    opened(alice, "/")
    tile = alice.locator(f".tile[data-camera='{Stack.camera_jid}']")
    expect(tile).to_have_attribute("data-live", "live", timeout=60_000)
    alice.locator(".tile").last.scroll_into_view_if_needed()
    expect(tile).to_have_attribute("data-live", "idle", timeout=10_000)
    tile.scroll_into_view_if_needed()
    expect(tile).to_have_attribute("data-live", "live", timeout=60_000)
    alice.set_viewport_size({"width": 1440, "height": 900})


def test_the_layout_is_remembered_and_arrows_go_from_camera_to_camera(alice: Page) -> None:
    opened(alice, "/")
    alice.locator("#layout").select_option("2")
    alice.reload()
    expect(alice.locator("#wall")).to_have_attribute("data-columns", "2")
    expect(alice.locator(".tile")).to_have_count(7)
    alice.locator("#layout").evaluate("(select) => select.blur()")
    links = alice.locator(".tile__link")
    alice.keyboard.press("1")
    expect(links.nth(0)).to_be_focused()
    alice.keyboard.press("ArrowRight")
    expect(links.nth(1)).to_be_focused()
    alice.keyboard.press("ArrowDown")
    expect(links.nth(3)).to_be_focused()
    alice.keyboard.press("f")
    until(lambda: alice.evaluate("() => Boolean(document.fullscreenElement)"), "the wall fills the screen", 10)
    alice.keyboard.press("f")
    until(lambda: not alice.evaluate("() => Boolean(document.fullscreenElement)"), "and no longer", 10)
    alice.locator("#layout").select_option("auto")
    edges = alice.evaluate(EDGES)
    assert edges["below"] <= 0, "all seven are on the screen"
    assert max(edges["holes"]) <= 2, "each row is full"


# ---------------------------------------------------------------- the room


def test_words_that_name_a_camera_and_an_instant_are_a_link_that_moves_the_player(
    stack: Stack, alice: Page, bob: Page
) -> None:
    stored(stack)
    opened(alice, CAMERA)
    alice.locator("#tab-room").click()
    opened(bob, "/room/")
    wanted = (datetime.now(UTC) - timedelta(seconds=15)).replace(microsecond=0)
    local = bob.evaluate("(ms) => new Date(ms).toLocaleTimeString('en-GB')", wanted.timestamp() * 1000)
    bob.locator("#say").fill(f"look at cam001 at {local}")
    bob.keyboard.press("Enter")
    alice.evaluate("() => (window.stayed = true)")
    alice.locator("#room-list .instant", has_text=local).click()
    expect(alice.locator("#stage")).to_have_attribute("data-show", "past", timeout=20_000)
    assert timedelta(seconds=-3) < instant(alice) - wanted < timedelta(seconds=15)
    assert alice.evaluate("() => window.stayed")


def test_a_camera_is_asked_by_a_command_that_was_offered(bob: Page) -> None:
    opened(bob, "/room/")
    bob.locator("#say").press_sequentially("@cam001 st")
    expect(bob.locator("#say-mentions")).to_contain_text("status")
    bob.keyboard.press("Enter")
    bob.keyboard.press("Enter")
    answer = bob.locator("#room-list .msg", has=bob.locator(".face--camera")).last
    expect(answer).to_be_visible(timeout=20_000)


def test_the_stream_is_narrowed_to_what_happened(stack: Stack, bob: Page) -> None:
    now = datetime.now(UTC)
    span = {key: (now - timedelta(seconds=ago)).isoformat() for key, ago in (("from", 20), ("to", 15))}
    access = stack.access_token()
    stack.request("POST", "/api/exports/", {"cameras": [stack.camera_jid], **span}, access=access)
    opened(bob, "/room/")
    bob.locator("#say").fill("For the insurance")
    bob.keyboard.press("Enter")
    expect(bob.locator("#room-list [data-line=said]", has_text="For the insurance")).to_be_visible()
    event = bob.locator("#room-list [data-kind=export]").first
    expect(event).to_contain_text("Alice exported")
    bob.locator("#stream-filter").select_option("event")
    expect(event).to_be_visible()
    expect(bob.locator("#room-list [data-line=said]").first).to_be_hidden()
    bob.locator("#stream-filter").select_option("all")
    expect(bob.locator("#room-list [data-line=said]").first).to_be_visible()


def test_what_was_said_meanwhile_stands_below_a_mark(alice: Page, bob: Page) -> None:
    opened(bob, "/room/")
    bob.goto("/alerts/")
    opened(alice, "/room/")
    alice.locator("#say").fill("Anybody there? @bob@example.com")
    alice.keyboard.press("Enter")
    expect(bob.locator("#badge-room")).to_have_text("1", timeout=10_000)
    opened(bob, "/room/")
    expect(bob.locator("#room-list .day--new + .msg--to-me")).to_contain_text("Anybody there?")
    expect(bob.locator("#badge-room")).to_be_hidden(timeout=10_000)


def test_who_accepts_is_led_to_the_same_camera_and_instant(stack: Stack, alice: Page, bob: Page) -> None:
    stored(stack)
    opened(bob, "/")
    opened(alice, CAMERA)
    alice.locator("#lead").click()
    expect(bob.locator("#invitation-words")).to_contain_text("Alice shows", timeout=10_000)
    bob.locator("#invitation-accept").click()
    bob.wait_for_url(re.compile("/cameras/cam001(@|%40)studio.loc/$"))
    expect(bob.locator("#following")).to_contain_text("You follow Alice", timeout=15_000)
    expect(alice.locator("#lead")).to_contain_text("1 follows", timeout=10_000)
    alice.keyboard.press("ArrowLeft")
    expect(alice.locator("#stage")).to_have_attribute("data-show", "past", timeout=20_000)
    expect(bob.locator("#stage")).to_have_attribute("data-show", "past", timeout=20_000)
    until(lambda: abs((instant(alice) - instant(bob)).total_seconds()) < 2, "both show the same instant", 20)
    alice.keyboard.press("k")
    expect(bob.locator("#play")).to_have_attribute("aria-label", "Play", timeout=10_000)
    until(lambda: abs((instant(alice) - instant(bob)).total_seconds()) < 0.2, "both stand on the same picture", 20)
    alice.keyboard.press("l")
    expect(bob.locator("#stage")).to_have_attribute("data-mode", "live", timeout=10_000)
    bob.keyboard.press("ArrowLeft")
    expect(bob.locator("#following")).to_be_hidden()
    expect(alice.locator("#lead")).not_to_contain_text("follows", timeout=10_000)
    alice.locator("#lead").click()


# ---------------------------------------------------------------- for people


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(alice: Page, width: int, scheme: Any) -> None:
    alice.set_viewport_size({"width": width, "height": 800})
    alice.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found: dict[str, list[str]] = {}
    for path in PAGES:
        alice.goto(path)
        if path in PAGES[:4]:
            expect(alice.locator("html")).to_have_attribute("data-room", "open", timeout=20_000)
            expect(alice.locator("[aria-busy=true]")).to_have_count(0, timeout=20_000)
        if violations := serious(alice):
            found[path] = violations
    alice.set_viewport_size({"width": 1440, "height": 900})
    assert found == {}


def test_without_a_network_there_is_a_page_in_words_and_nothing_private_is_kept(alice: Page) -> None:
    opened(alice, "/room/")
    alice.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    kept = until(lambda: alice.evaluate(KEPT), "the offline page is kept", 20)
    assert all(path == "/offline/" or path.startswith("/static/") for path in kept)
    alice.context.set_offline(True)
    try:
        alice.goto(CAMERA)
        expect(alice.get_by_role("heading", name="You are offline")).to_be_visible()
    finally:
        alice.context.set_offline(False)
    expect(alice.locator("html")).to_have_attribute("data-room", "open", timeout=30_000)
    assert alice.evaluate(KEPT) == kept


def test_the_app_can_be_installed(stack: Stack, alice: Page) -> None:
    opened(alice, "/")
    session = alice.context.new_cdp_session(alice)
    problems = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A private window, as the tests' are, can install nothing: that is the only thing that may be in the way.
    assert [one["errorId"] for one in problems if one["errorId"] != "in-incognito"] == []
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert re.search('"start_url": "/"', manifest["data"])


@pytest.mark.campaign
def test_ten_thousand_messages_and_a_year_of_them_make_the_pages_no_slower(stack: Stack, alice: Page) -> None:
    stack.shell(MANY.replace("COUNT", "60"))
    few = [seconds_until_ready(alice, path) for path in ("/room/", CAMERA) for _ in range(5)]
    stack.shell(MANY.replace("COUNT", "10_000"))
    many = [seconds_until_ready(alice, path) for path in ("/room/", CAMERA) for _ in range(5)]
    for name, half in (("room", slice(0, 5)), ("camera", slice(5, 10))):
        print(f"{name}: {median(few[half]):.2f} s ready, then with 10,000 messages {median(many[half]):.2f} s")
    assert median(many[:5]) <= 1.5 * median(few[:5]) + 0.3
    assert median(many[5:]) <= 1.5 * median(few[5:]) + 0.3
    opened(alice, "/room/")
    lines = alice.locator("#room-list > li")
    for pages in range(2, 14):
        alice.locator("#room-log").evaluate("(log) => (log.scrollTop = 0)")
        expect(lines.nth(pages * 50 - 1)).to_be_attached(timeout=20_000)
    alice.locator("#room-log").evaluate("(log) => (log.scrollTop = log.scrollHeight)")
    alice.locator("#say").fill("the last one")
    alice.keyboard.press("Enter")
    expect(lines.last).to_contain_text("the last one", timeout=10_000)
    until(lambda: lines.count() <= 520, "what nobody reads any more is put away", 10)


def seconds_until_ready(page: Page, path: str) -> float:
    """From the click to the newest message on the page."""
    began = time.monotonic()
    page.goto(path)
    page.locator("#room-list .msg").last.wait_for(state="attached", timeout=30_000)
    return time.monotonic() - began
