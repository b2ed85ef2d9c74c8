"""The room's page over connections that break."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page, expect

from tests.web.conftest import Server, opened

ANA = "ana@example.com"


def chat(number: int, text: str, from_: str = ANA) -> dict[str, Any]:
    return {"type": "chat", "id": str(number), "text": text, "from": from_, "sent_at": datetime.now(UTC).isoformat()}


def peer(number: int, kind: str = "person") -> dict[str, Any]:
    jid = "cam001@studio.loc/x" if kind == "camera" else f"person{number}@example.com/x"
    return {"jid": jid, "kind": kind, "name": f"Person {number}"}


def say(page: Page, words: str) -> None:
    page.fill("#say", words)
    page.press("#say", "Enter")
    expect(page.locator("#say")).to_have_value("")


def come_back(page: Page, server: Server) -> None:
    """The connection breaks, and the page finds its way back."""
    before = len(server.sockets)
    server.cut()
    page.wait_for_function("document.documentElement.dataset.room === 'closed'")
    page.wait_for_selector('html[data-room="open"]')
    assert len(server.sockets) == before + 1


def test_words_that_were_lost_with_the_connection_stand_in_the_line_again(page: Page, server: Server) -> None:
    opened(page, "/room/")
    say(page, "anybody there?")
    page.fill("#say", "the next words")
    come_back(page, server)
    expect(page.locator("#say")).to_have_value("anybody there?\nthe next words")
    expect(page.locator("#say-error")).to_contain_text("Not sent: the connection broke.")


def test_words_that_reached_the_room_do_not(page: Page, server: Server) -> None:
    server.messages = [chat(1, "anybody there?", "bob@example.com") | {"sent_at": "2026-01-01T00:00:00.000Z"}]
    opened(page, "/room/")
    say(page, "anybody there?")
    say(page, "hello")
    server.say(**chat(2, "hello", "bob@example.com"))
    server.messages.append(chat(3, "anybody there?", "bob@example.com"))
    come_back(page, server)
    expect(page.locator("#room-list .msg__text")).to_have_count(3)
    expect(page.locator("#say")).to_have_value("")
    expect(page.locator("#say-error")).to_be_hidden()


def test_what_was_said_is_found_again_under_hundreds_who_came_and_went(page: Page, server: Server) -> None:
    server.messages = [chat(number, f"line {number}") for number in range(1, 6)]
    server.answers["/api/messages/"] = server.messages
    opened(page, "/room/")
    expect(page.locator("#room-list .msg__text")).to_have_count(5)
    for number in range(500):
        server.say(type="online", peer=peer(number))
    expect(page.locator("#room-list .msg__text")).to_have_count(0)
    page.get_by_role("button", name="Earlier messages").click()
    expect(page.get_by_text("line 1", exact=True)).to_be_visible()
    assert "/api/messages/?before=6" in server.asked


def test_a_link_to_a_camera_stays_under_the_finger_while_the_camera_says_how_it_is(page: Page, server: Server) -> None:
    server.roster = [peer(1, "camera")]
    opened(page, "/room/")
    link = page.locator("#cameras a")
    link.focus()
    server.say(type="status", **{"from": "cam001@studio.loc/x"}, recording=True, viewers=1)
    expect(page.locator("#cameras .state")).to_contain_text("Recording")
    link.focus()
    for viewers in (2, 3):
        server.say(type="status", **{"from": "cam001@studio.loc/x"}, recording=True, viewers=viewers)
    server.say(**chat(9, "after the status"))
    expect(page.get_by_text("after the status")).to_be_visible()
    expect(link).to_be_focused()
