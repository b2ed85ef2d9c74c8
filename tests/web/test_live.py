"""Live pictures: the other end is a peer connection of the page's own, which sends a canvas."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.web.conftest import CAMERA, Server, opened, run

BEGIN = Path(__file__).with_name("room_of_one.js").read_text(encoding="utf-8")


def begin(page: Page) -> None:
    page.goto("/sign-in/")
    run(page, BEGIN)
    page.wait_for_function("live.state === 'live' && facts > 0")


def test_a_picture_whose_session_went_with_the_room_is_not_called_live_any_more(page: Page) -> None:
    begin(page)
    run(page, "room.blink(false);")
    assert page.evaluate("live.state") == "connecting"
    page.wait_for_function("live.state === 'fallback'", timeout=10_000)


def test_the_next_session_is_measured_like_the_first(page: Page) -> None:
    begin(page)
    run(page, "room.blink(true); window.facts = 0;")
    page.wait_for_function("live.state === 'live' && facts > 0")
    assert page.evaluate("room.calls") == 2


def test_what_the_room_refuses_of_something_else_is_not_the_pictures_end(page: Page) -> None:
    begin(page)
    run(
        page,
        """
        room.emit('hangup', { session: [...room.cameras.keys()][0], reason: '' });
        room.emit('error', { id: '', code: 'not_found', message: 'They are not in the room any more.', hint: '' });
        """,
    )
    assert page.evaluate("live.state") == "connecting"
    page.wait_for_function("live.state === 'live'")


HIDDEN = """
  window.behind = true;
  Object.defineProperty(document, 'visibilityState', { get: () => (window.behind ? 'hidden' : 'visible') });
"""


def test_a_wall_that_is_opened_in_a_tab_behind_calls_no_camera(page: Page, server: Server) -> None:
    server.roster = [{"jid": f"{CAMERA['jid']}/x", "kind": "camera", "name": "Front door"}]
    page.add_init_script(HIDDEN)
    opened(page, "/")
    expect(page.locator(".tile")).to_have_attribute("data-live", "idle")
    page.wait_for_load_state("load")
    page.evaluate("new Promise((done) => requestIdleCallback(() => setTimeout(done, 100)))")
    assert server.said("call") == []
    page.evaluate("behind = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".tile")).to_have_attribute("data-live", "connecting")


def test_a_camera_that_is_added_gets_its_tile_and_one_that_is_taken_away_loses_it(page: Page, server: Server) -> None:
    opened(page, "/")
    expect(page.locator(".tile")).to_have_count(1)
    page.evaluate("document.querySelector('.tile').id = 'first'")
    new = CAMERA | {"jid": "cam002@studio.loc", "name": "Till"}
    there = CAMERA | {"jid": "cam001@barn.loc", "name": "Barn door", "location": "barn.loc", "location_name": "Barn"}
    server.answers["/api/cameras/"] = [CAMERA, new, there]
    server.say(type="online", peer={"jid": "cam002@studio.loc/y", "kind": "camera", "name": "Till"})
    expect(page.locator(".tile__link")).to_have_text(["Front door", "Till", "Barn door"])
    expect(page.locator("#first")).to_be_attached()
    server.answers["/api/cameras/"] = [CAMERA | {"name": "Back door"}, new]
    server.say(type="online", peer={"jid": "cam009@studio.loc/z", "kind": "camera", "name": "Unknown"})
    expect(page.locator(".tile__link")).to_have_text(["Front door", "Till"])
    expect(page.get_by_role("heading", name="Barn")).to_have_count(0)
