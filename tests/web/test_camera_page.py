"""A camera's page: what is awaited, who follows, what was said of a time that is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import AWAY, CAMERA, LATER, Server, opened
from tests.web.test_room_page import come_back

PAGE = "/cameras/cam001@studio.loc/"
COVERAGE = "/api/cameras/cam001@studio.loc/coverage/"
CAROL = "carol@example.com/7"


def covered(path: str) -> dict[str, Any]:
    """All of it stored."""
    asked = dict(pair.split("=") for pair in path.replace("%3A", ":").partition("?")[2].split("&"))
    return {"earliest_at": asked["from"], "spans": [asked | {"state": "stored", "cause": ""}]}


@pytest.fixture(autouse=True)
def all_stored(server: Server) -> None:
    server.answers[COVERAGE.replace("@", "%40")] = covered
    server.answers["/api/cameras/cam001%40studio.loc/playlist.m3u8"] = AWAY


def test_who_follows_is_counted_anew_after_a_cut(page: Page, server: Server) -> None:
    opened(page, PAGE)
    page.locator("#lead").click()
    server.say(type="follow", to="bob@example.com/1", **{"from": CAROL})
    expect(page.locator("#lead-words")).to_have_text("1 follows")
    come_back(page, server)
    expect(page.locator("#lead-words")).to_have_text("Leading")
    server.say(type="follow", to="bob@example.com/2", **{"from": CAROL})
    expect(page.locator("#lead-words")).to_have_text("1 follows")


def test_whom_one_follows_hears_of_it_again_after_a_cut(page: Page, server: Server) -> None:
    opened(page, PAGE)
    server.say(type="lead", camera="cam001@studio.loc", **{"from": CAROL})
    page.locator("#invitation-accept").click()
    expect(page.locator("#following")).to_contain_text("You follow carol.")
    come_back(page, server)
    expect(page.locator("#following")).to_contain_text("You follow carol.")
    assert [message["to"] for message in server.said("follow")] == [CAROL, CAROL]


def test_a_recording_that_arrives_after_all_takes_its_complaint_away(page: Page, server: Server) -> None:
    at = (datetime.now(UTC) - timedelta(hours=3)).isoformat(timespec="seconds").replace("+00:00", "Z")
    opened(page, f"{PAGE}?at={at}")
    notice = page.locator('#stage [data-part="notice"]')
    expect(notice).to_contain_text("The recording stops here", timeout=30_000)
    page.evaluate("ucam.clocks.get('cam001@studio.loc').emit('picture', null)")
    expect(notice).to_be_hidden()


def test_who_went_live_meanwhile_is_not_fetched_back(page: Page, server: Server) -> None:
    opened(page, PAGE)
    expect(page.locator("#stage")).to_have_attribute("data-mode", "live")
    server.answers[COVERAGE.replace("@", "%40")] = LATER
    page.fill("#go-to", "10 min ago")
    page.press("#go-to", "Enter")
    page.wait_for_function("document.activeElement?.id !== 'go-to'")
    page.keyboard.press("l")
    for _ in range(100):
        if server.waiting:
            break
        page.wait_for_timeout(20)
    for route in server.waiting:
        path = route.request.url.partition("/api/")[2]
        route.fulfill(json=covered(path))
    page.wait_for_function("document.querySelector('#tl-ledger').textContent.includes('Stored')")
    page.wait_for_timeout(0)
    expect(page.locator("#stage")).to_have_attribute("data-mode", "live")


def test_the_calendar_counts_days_as_the_timeline_does(page: Page, server: Server) -> None:
    server.answers["/api/cameras/"] = [CAMERA | {"timezone": "Asia/Tokyo"}]
    today = datetime.now().date().replace(day=1).isoformat()
    server.answers["/api/cameras/cam001%40studio.loc/days/"] = {"timezone": "Europe/Berlin", "days": {today: 3600}}
    opened(page, PAGE)
    page.locator("#calendar summary").click()
    expect(page.locator(".cal__words")).to_have_text(
        "Days in Europe/Berlin, your own zone. The camera is in Asia/Tokyo."
    )
    assert any(path.endswith("&timezone=Europe%2FBerlin") for path in server.asked)


def test_a_download_is_fresh_for_who_comes_back_after_hours(page: Page, server: Server) -> None:
    server.answers["/api/cameras/"] = [CAMERA | {"may": ["watch", "replay", "export"]}]
    page.add_init_script(
        "Object.defineProperty(document, 'visibilityState', { get: () => (window.behind ? 'hidden' : 'visible') });"
    )
    page.clock.install()
    opened(page, PAGE)
    asked = len([path for path in server.asked if path == "/api/exports/"])
    page.evaluate("window.behind = true")
    page.clock.fast_forward("01:30:00")
    assert len([path for path in server.asked if path == "/api/exports/"]) == asked
    with page.expect_request("**/api/exports/"):
        page.evaluate("window.behind = false; document.dispatchEvent(new Event('visibilitychange'))")
