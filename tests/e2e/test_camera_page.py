"""The camera page beside the player itself: links to a moment, pictures to keep, lateness, zones, and company."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.agent.ip_camera import IpCamera
from tests.e2e.axe import serious
from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.e2e

OTHER = "cam002@studio.loc"
CAMERA = f"/cameras/{Stack.camera_jid}/"
SMALL = {"width": 320, "height": 240, "fps": 10, "bitrate_kbit": 300, "chunk_s": 10}
COPIED = "() => navigator.clipboard.readText()"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two cameras with a little more footage each than people go back here, which is 15 s, and bob."""
    with Stack(tmp_path_factory.mktemp("product"), settings={"source": {"kind": "test"}} | SMALL) as running:
        running.add_camera(OTHER, name="Till")
        running.add_user("bob@example.com", "--name", "Bob", "--location", running.location, "--may", "watch,replay")
        access = running.access_token()
        for jid in (running.camera_jid, OTHER):
            until(lambda of=jid: stored_s(running, of, access) > 18, f"footage of {jid} is stored")  # type: ignore[misc]
        yield running


@pytest.fixture(scope="module")
def alice(stack: Stack, browser: Browser) -> Iterator[Page]:
    page = sign_in(browser, stack, "alice@example.com")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stack.url)
    yield page
    page.context.close()


def stored_s(stack: Stack, jid: str, access: str) -> float:
    path = f"/api/cameras/{jid}/days/?month={datetime.now(UTC):%Y-%m}"
    return float(sum(stack.request("GET", path, access=access)["days"].values()))


def past(page: Page, more: str = "") -> None:
    """The page some seconds ago, its picture standing."""
    at = (datetime.now(UTC) - timedelta(seconds=15)).isoformat().replace("+00:00", "Z")
    page.goto(f"{CAMERA}?at={at}{more}")
    expect(page.locator("#stage")).to_have_attribute("data-show", "past", timeout=60_000)
    page.keyboard.press("k")
    expect(page.locator("#play")).to_have_attribute("aria-label", "Play")


def test_another_camera_is_one_key_away_and_shows_the_same_moment(alice: Page) -> None:
    past(alice)
    at = alice.locator("#clock").get_attribute("datetime") or ""
    alice.keyboard.press("n")
    alice.wait_for_url("**/cameras/cam002%40studio.loc/?at=*")
    assert parse_qs(urlsplit(alice.url).query)["at"] == [at]
    expect(alice.locator("#stage")).to_have_attribute("data-show", "past", timeout=60_000)
    alice.locator("#add summary").click()
    expect(alice.locator("#add-list a")).to_have_attribute("href", re.compile(r"/cameras/cam001%40studio.loc/\?at="))


def test_how_late_the_live_picture_is_stands_below_it(alice: Page) -> None:
    alice.goto(CAMERA)
    expect(alice.locator("#stage")).to_have_attribute("data-live", "live", timeout=60_000)
    expect(alice.locator("#fact-latency")).to_have_text(re.compile(r"^\d+ ms$"), timeout=20_000)
    expect(alice.locator("#fact-way")).to_have_text("direct")


def test_the_picture_on_the_screen_is_saved_at_its_own_size(alice: Page, tmp_path: Path) -> None:
    past(alice)
    with alice.expect_download() as download:
        alice.keyboard.press("s")
    assert re.fullmatch(r"cam001 \d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.jpg", download.value.suggested_filename)
    download.value.save_as(tmp_path / "picture.jpg")
    sizes = "(src) => createImageBitmap(new Blob([Uint8Array.from(src)])).then(({width, height}) => [width, height])"
    assert alice.evaluate(sizes, list((tmp_path / "picture.jpg").read_bytes())) == [320, 240]


def test_a_link_leads_others_to_the_same_moment_beside_the_same_camera(alice: Page) -> None:
    past(alice, f"&with={OTHER}")
    shown = alice.locator("#clock").get_attribute("datetime")
    alice.keyboard.press("c")
    expect(alice.get_by_text("Link copied")).to_be_attached()
    alice.goto(alice.evaluate(COPIED))
    expect(alice.locator(f".mate[data-camera='{OTHER}']")).to_have_attribute("data-show", "past", timeout=60_000)
    alice.keyboard.press("k")
    there = datetime.fromisoformat(alice.locator("#clock").get_attribute("datetime") or "")
    assert abs((there - datetime.fromisoformat(shown or "")).total_seconds()) < 20


def test_without_a_clipboard_the_link_stands_there_to_be_copied(alice: Page) -> None:
    past(alice)
    alice.evaluate("() => Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    alice.locator("#share").click()
    sheet = alice.get_by_role("dialog", name="Link")
    expect(sheet.get_by_label("Link")).to_have_value(re.compile(r"/cameras/cam001.*\?at="))
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_have_count(0)


def test_the_keys_stand_on_a_sheet(alice: Page) -> None:
    past(alice)
    alice.keyboard.press("?")
    sheet = alice.get_by_role("dialog", name="Keys")
    expect(sheet).to_contain_text("go to a time")
    alice.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_who_is_in_another_zone_reads_the_time_at_the_camera_too(stack: Stack, browser: Browser) -> None:
    page = browser.new_context(base_url=stack.url, timezone_id="Asia/Tokyo").new_page()
    page.goto(stack.sign_in_link())
    page.get_by_role("button", name="Sign in on this device").click()
    page.wait_for_url(f"{stack.url}/")
    page.goto(CAMERA)
    expect(page.locator("#clock-there")).to_have_text(re.compile(r"^\d\d:\d\d in UTC$"), timeout=30_000)
    page.context.close()


def test_who_follows_is_shown_the_cameras_beside_too(stack: Stack, browser: Browser, alice: Page) -> None:
    bob = sign_in(browser, stack, "bob@example.com")
    past(alice, f"&with={OTHER}")
    alice.locator("#lead").click()
    bob.locator("#invitation-accept").click(timeout=30_000)
    beside = bob.locator(f".mate[data-camera='{OTHER}']")
    expect(beside).to_have_attribute("data-show", "past", timeout=60_000)
    alice.get_by_role("button", name="Put Till away").click()
    expect(beside).to_have_count(0, timeout=20_000)
    expect(bob.locator("#following")).to_contain_text("You follow Alice")
    alice.locator("#lead").click()
    bob.context.close()


def test_a_small_phone_has_picture_controls_and_timeline_on_one_screen(alice: Page) -> None:
    alice.set_viewport_size({"width": 360, "height": 740})
    past(alice)
    tabs = alice.locator(".rail").bounding_box()
    assert tabs
    for part in ("#pictures", "#play", "#live", "#tl-day-track", "#tl-track", "#select"):
        box = alice.locator(part).bounding_box()
        assert box, part
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= tabs["y"], part
    alice.set_viewport_size({"width": 1280, "height": 720})


def test_what_plays_rests_while_it_is_scrolled_away_and_plays_on_in_view(alice: Page) -> None:
    alice.set_viewport_size({"width": 360, "height": 500})
    past(alice)
    alice.keyboard.press("k")
    expect(alice.locator("#play")).to_have_attribute("aria-label", "Pause")
    alice.locator("#side-moments").evaluate("(list) => list.style.setProperty('min-height', '1500px')")
    for far, word in ((9999, "Play"), (0, "Pause")):
        alice.locator("#main").evaluate("(main, far) => main.scrollTo(0, far)", far)
        expect(alice.locator("#play")).to_have_attribute("aria-label", word)
    alice.set_viewport_size({"width": 1280, "height": 720})


def dragged(page: Page, what: str, by: int) -> float:
    """How far it went when its left edge was drawn that far to the left."""
    before = page.locator(what).bounding_box()
    assert before
    page.mouse.move(before["x"] + 2, before["y"] + 20)
    page.mouse.down()
    page.mouse.move(before["x"] + 2 - by, before["y"] + 20, steps=4)
    page.mouse.up()
    after = page.locator(what).bounding_box()
    assert after
    return before["x"] - after["x"]


def test_a_link_to_a_range_opens_it_selected(stack: Stack, alice: Page) -> None:
    """The range goes from 45 s to 15 s ago: the camera has to be older than that for all of it to be stored."""
    access = stack.access_token()
    until(lambda: stored_s(stack, stack.camera_jid, access) > 55, "footage of the whole range is stored")
    past(alice)
    alice.keyboard.press("o")
    assert serious(alice) == []
    words = alice.locator("#range-span").inner_text()
    alice.locator("#range-share").click()
    expect(alice.get_by_text("Link copied")).to_be_attached()
    alice.goto(alice.evaluate(COPIED))
    expect(alice.locator("#range-span")).to_have_text(words, timeout=30_000)
    expect(alice.locator("#range-words")).to_contain_text("all stored", timeout=20_000)
    moved_px = dragged(alice, "#tl-grip-from", 40)
    assert abs(moved_px - 40) < 3, "a handle stays under the pointer, wherever it was taken hold of"


def test_a_camera_that_does_not_record_says_so_and_claims_no_recording(
    stack: Stack, alice: Page, tmp_path: Path
) -> None:
    filmed, gave_a_picture = IpCamera(tmp_path), stack.agent.state / "spool" / "settings.json"
    filmed.start()
    try:
        source = f"camera.source = {{'kind': 'rtsp', 'url': '{filmed.url()}'}}; camera.save()"
        find = "from cameras.models import Camera; camera = Camera.objects.get(local='cam001');"
        stack.shell(f"{find} {source}")
        until(lambda: "rtsp" in gave_a_picture.read_text(), "the IP camera gives a picture")
    finally:
        filmed.close()
    alice.goto(CAMERA)
    notice = alice.locator("#stage [data-part=notice]").last
    expect(notice).to_contain_text("Not recording", timeout=120_000)
    expect(notice).not_to_contain_text("Nothing is lost")
    expect(alice.locator("#clock-words")).to_have_text("last picture", timeout=90_000)
