"""Doors and settings whose way to the server breaks: what was given stays, and the way out leads on."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.web.conftest import AWAY, CAMERA, ME, Server, jwt, opened

UNTIL = "2099-01-01T12:00:00.000Z"
BUSY = (503, {"code": "server_busy", "message": "The server is just starting."})


def test_a_guest_whose_network_fails_at_the_door_still_has_the_link(page: Page, server: Server) -> None:
    server.answers["/api/guest/"] = AWAY
    page.goto("/guest/#secret")
    again = page.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    assert "secret" not in page.url
    guest = {"made_by": "Ana", "live": True, "from": None, "to": None, "until": UNTIL}
    server.answers |= {"/api/guest/": {"access": jwt(), "refresh": "g"}, "/api/me/": ME | {"guest": guest}}
    again.click()
    expect(page.get_by_text("Welcome, Bob")).to_be_visible()


def test_a_guest_whose_link_is_over_is_not_told_to_try_again(page: Page, server: Server) -> None:
    server.answers["/api/guest/"] = (410, {"code": "guest_over", "message": "This link opens nothing any more."})
    page.goto("/guest/#secret")
    expect(page.get_by_text("This link is over")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_sign_in_link_is_not_called_used_while_the_server_starts(page: Page, server: Server) -> None:
    server.answers["/api/token/"] = BUSY
    page.goto("/sign-in/abc.def/")
    page.locator("#confirm-button").click()
    expect(page.locator("#confirm-error")).to_have_text("The server is just starting.")
    expect(page.locator("#confirm-button")).to_be_enabled()


def test_trying_again_that_fails_again_says_so(page: Page, server: Server) -> None:
    thrown: list[Any] = []
    page.on("pageerror", lambda error: thrown.append(error))
    notices = {
        "timezone": "UTC", "critical_anyway": True, "quiet_from": None, "quiet_to": None, "letter": False, "places": [],
        "channels": [], "push_key": "",
    }  # fmt: skip
    server.answers |= {"/api/notices/": notices, "/api/cameras/": [CAMERA]}
    opened(page, "/notifications/")
    server.answers["/api/notices/"] = BUSY
    page.get_by_label("Send it to me").click()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#sheet > .notice")).to_have_count(1)
    expect(page.locator("#sheet > *")).to_have_count(1)
    server.answers["/api/notices/"] = notices
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Send it to me")).to_be_visible()
    assert thrown == []
