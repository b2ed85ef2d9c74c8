"""The page of alerts: all that are open, all that were, also after a cut."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Server, opened
from tests.web.test_room_page import come_back


def alert(number: int, state: str = "raised", **more: Any) -> dict[str, Any]:
    times = {"raised_at": "2026-11-24T12:00:00.000Z"} | (
        {"cleared_at": "2026-11-24T12:10:00.000Z"} if state == "cleared" else {}
    )
    return (
        {"id": number, "kind": "power", "level": "critical", "state": state, "title": f"Alert {number}"} | times | more
    )


def pages(alerts: list[dict[str, Any]], *, open_: bool = False) -> Any:
    """As the server answers: fifty of them, before a number."""

    def answer(path: str) -> list[dict[str, Any]]:
        before = int(path.partition("before=")[2] or 10**9)
        found = [one for one in alerts if one["id"] < before and (one["state"] != "cleared" or not open_)]
        return sorted(found, key=lambda one: -one["id"])[:50]

    return answer


@pytest.fixture
def many(server: Server) -> list[dict[str, Any]]:
    """One that has been open for long, two hundred that are over since."""
    alerts = [alert(5), *(alert(number, "cleared") for number in range(801, 1001))]
    tell(server, alerts)
    return alerts


def tell(server: Server, alerts: list[dict[str, Any]]) -> None:
    server.answers["/api/alerts/"] = lambda path: pages(alerts, open_="open=1" in path)(path)


def test_an_alert_that_is_open_for_long_hides_none_of_those_that_are_over_since(
    page: Page, server: Server, many: list[dict[str, Any]]
) -> None:
    opened(page, "/alerts/")
    expect(page.locator("#cleared .case")).to_have_count(50)
    for count in (100, 150):
        page.get_by_role("button", name="Earlier alerts").click()
        expect(page.locator("#cleared .case")).to_have_count(count)
    assert "/api/alerts/?before=951" in server.asked


def test_a_power_cut_of_sixty_cameras_is_sixty_open_alerts(page: Page, server: Server) -> None:
    tell(server, [alert(number) for number in range(1, 61)])
    opened(page, "/alerts/")
    expect(page.locator("#count-raised")).to_have_text("60")
    expect(page.locator("#badge-alerts")).to_have_text("60")


def test_what_was_raised_during_a_cut_stands_on_a_page_that_had_none(page: Page, server: Server) -> None:
    opened(page, "/alerts/")
    expect(page.get_by_text("No open alerts")).to_be_visible()
    tell(server, [alert(1)])
    come_back(page, server)
    expect(page.get_by_text("Alert 1")).to_be_visible()


def test_a_picture_that_was_not_there_yet_is_asked_for_again(page: Page, server: Server) -> None:
    one = alert(7, camera="cam001@studio.loc", location="studio.loc", picture_at="2026-11-24T12:00:00.000Z")
    tell(server, [one])
    server.answers["/api/alerts/7/picture.jpg"] = (503, {"code": "server_busy", "message": "Busy."})
    opened(page, "/alerts/")
    expect(page.get_by_text("Alert 7")).to_be_visible()
    page.wait_for_function("!document.querySelector('.alert__picture')")
    server.answers["/api/alerts/7/picture.jpg"] = (200, {})
    server.say(type="alert", alert=one | {"reminded_at": "2026-11-24T13:00:00.000Z"})
    expect(page.get_by_text("reminded")).to_be_visible()
    page.wait_for_function("document.querySelector('.alert__picture')?.src.startsWith('blob:')")


def test_a_message_leads_to_its_alert(page: Page, server: Server) -> None:
    tell(server, [alert(number) for number in range(1, 61)])
    opened(page, "/alerts/#alert-3")
    expect(page.locator("#alert-3")).to_be_in_viewport()
