"""Nothing is left behind: on the page, at the camera, on the server, however often somebody goes to and fro."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.held import Tab, count
from tests.e2e.stack import Stack, children_of, until

pytestmark = pytest.mark.e2e

CAMERA = f"/cameras/{Stack.camera_jid}/"
PAGES = ["/", CAMERA, "/room/", "/alerts/"]
TIMES = [10, pytest.param(200, marks=pytest.mark.campaign)]
HEAP_KB = 2048  # code that the browser compiles and caches that fill; over 200 changes it is 10 kB each
SIX_ROWS = (
    "from cameras.models import Camera, Location; studio = Location.objects.get();"
    "[Camera.objects.create(location=studio, local=f'shelf{n}', name=f'Shelf {n}') for n in range(6)]"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One camera that films, and six that were never there, so that the wall is longer than a small window."""
    settings = {"source": {"kind": "test"}, "width": 320, "height": 240, "fps": 10, "bitrate_kbit": 300, "chunk_s": 10}
    with Stack(tmp_path_factory.mktemp("product"), settings=settings) as running:
        running.shell(SIX_ROWS)
        access = running.access_token()
        until(lambda: stored_s(running, access) > 15, "footage is stored", 90)  # the way back is 10 s
        yield running


@pytest.fixture
def tab(stack: Stack, browser: Browser) -> Iterator[Tab]:
    page = sign_in(browser, stack, "alice@example.com")
    count(page.context)
    page.set_default_timeout(60_000)
    yield Tab(page)
    page.context.close()


def stored_s(stack: Stack, access: str) -> float:
    path = f"/api/cameras/{stack.camera_jid}/days/?month={datetime.now(UTC):%Y-%m}"
    return float(sum(stack.request("GET", path, access=access)["days"].values()))


def opened(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("html")).to_have_attribute("data-room", "open", timeout=60_000)


def files(pid: int) -> int:
    """Files and sockets that a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def behind(stack: Stack, access: str) -> dict[str, int]:
    """What server and camera hold because of people."""
    live = stack.agent.pids["live"]
    assert stack.server
    peers = stack.request("GET", "/api/peers/", access=access)
    return {
        "viewers": int(stack.agent.status().get("viewers", 0)),
        "people": sum("alice@" in peer["jid"] for peer in peers),
        "camera's files": files(live),
        "camera's threads": len(list(Path(f"/proc/{live}/task").iterdir())),
        "web server's files": files(children_of(stack.server.pid)["daphne"]),
    }


def same(before: Mapping[str, float], after: Mapping[str, float], more: Mapping[str, float]) -> list[str]:
    """What has grown by more than it may; nothing, where nothing is named."""
    return [
        f"{name}: {value} then {after[name]}"
        for name, value in before.items()
        if after[name] > value + more.get(name, 0)
    ]


@pytest.mark.parametrize("changes", TIMES)
def test_page_changes_leave_nothing_behind(stack: Stack, tab: Tab, changes: int) -> None:
    page, room = tab.page, {"camera's files": 4, "camera's threads": 2, "web server's files": 4}
    for path in (*PAGES, PAGES[3]):
        opened(page, path)
    access = stack.access_token()
    until(lambda: behind(stack, access)["viewers"] == 0, "nobody watches", 30)
    before, heap = behind(stack, access), tab.heap()
    for number in range(changes):
        page.goto(PAGES[number % 4])
        if number % 4 < 2:
            expect(page.locator("[data-live=live]").first).to_be_visible(timeout=60_000)
    opened(page, PAGES[3])
    access = stack.access_token()
    until(lambda: not same(before, behind(stack, access), room), f"server and camera as before: {before}", 60)
    until(lambda: not same(heap, tab.heap(), {"heap_kb": HEAP_KB, "nodes": 100, "listeners": 20}), f"as {heap}", 30)
    print(f"{changes} page changes: {before} before, {behind(stack, access)} after; {heap} before, {tab.heap()} after")


@pytest.mark.parametrize("changes", TIMES)
def test_live_and_past_in_turn_leave_nothing_on_the_page(stack: Stack, tab: Tab, changes: int) -> None:
    page = tab.page

    def to_and_fro() -> None:
        page.locator("#back").click()
        expect(page.locator("#stage")).to_have_attribute("data-show", "past", timeout=60_000)
        page.locator("#live").click()
        expect(page.locator("#stage")).to_have_attribute("data-show", "live", timeout=60_000)

    opened(page, CAMERA)
    expect(page.locator("#stage")).to_have_attribute("data-live", "live", timeout=60_000)
    for _ in range(3):
        to_and_fro()
    held, heap = tab.held(), tab.heap()
    for _ in range(changes):
        to_and_fro()
    assert tab.held()["peers"] == 1
    until(lambda: not same(held, tab.held(), {"timeouts": 3}), f"the page holds {held}, not {tab.held()}", 30)
    until(lambda: not same(heap, tab.heap(), {"heap_kb": HEAP_KB, "nodes": 300, "listeners": 20}), f"as {heap}", 30)
    until(lambda: int(stack.agent.status().get("viewers", 0)) == 1, "the camera has one viewer", 30)
    print(f"{changes} times past and live: {held} before, {tab.held()} after; {heap} before, {tab.heap()} after")


@pytest.mark.parametrize("changes", TIMES)
def test_a_tile_that_comes_and_goes_leaves_nothing_on_the_page(stack: Stack, tab: Tab, changes: int) -> None:
    page = tab.page
    page.set_viewport_size({"width": 700, "height": 420})
    tile = page.locator(f".tile[data-camera='{stack.camera_jid}']")

    def away_and_back() -> None:
        page.locator(".tile").last.scroll_into_view_if_needed()
        expect(tile).to_have_attribute("data-live", "idle", timeout=30_000)
        tile.scroll_into_view_if_needed()
        expect(tile).to_have_attribute("data-live", "live", timeout=60_000)

    opened(page, "/")
    expect(tile).to_have_attribute("data-live", "live", timeout=60_000)
    for _ in range(3):
        away_and_back()
    held, heap = tab.held(), tab.heap()
    for _ in range(changes):
        away_and_back()
    assert tab.held()["peers"] == 1
    until(lambda: not same(held, tab.held(), {"timeouts": 3}), f"the page holds {held}, not {tab.held()}", 30)
    until(lambda: not same(heap, tab.heap(), {"heap_kb": HEAP_KB, "nodes": 300, "listeners": 20}), f"as {heap}", 30)
    print(f"{changes} times away and back: {held} before, {tab.held()} after; {heap} before, {tab.heap()} after")
