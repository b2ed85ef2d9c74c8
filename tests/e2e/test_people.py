"""Notifications, guests and the week, as people use them: in browsers, against a running server without a camera."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.axe import serious
from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack

WITHIN_MS = 60_000
RAISED = (
    "from cameras.models import Alert, Location;"
    "Alert.objects.raise_('x', 'critical', 'The disk is nearly full', location=Location.objects.get())"
)

FIVE_GAPS = (
    "from django.utils import timezone; from cameras.models import Camera; from storage.report import take;"
    "now = timezone.now(); ago = lambda seconds: int(now.timestamp() * 1000) - seconds * 1000;"
    "take(Camera.objects.get(), {'closed': [], 'gaps': [{'id': f'gap-{n}', 'boot': '', 'cause': 'power',"
    " 'from_ms': ago(60 + 20 * n), 'to_ms': ago(56 + 20 * n)} for n in range(5)]}, now)"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server that knows one camera, which is not there."""
    with Stack(tmp_path_factory.mktemp("people"), with_camera=False) as running:
        running.manage("add_camera", running.camera_jid)
        yield running


@pytest.fixture(scope="module")
def page(stack: Stack, browser: Browser) -> Page:
    """An operator."""
    opened = sign_in(browser, stack, "alice@example.com")
    opened.set_default_timeout(WITHIN_MS)
    return opened


def test_a_test_arrives_by_mail_and_the_page_says_so(page: Page) -> None:
    page.goto("/notifications/")
    row = page.locator("[data-way]", has_text="Mail to alice@example.com")
    row.get_by_role("button", name="Send a test").click()
    expect(row.get_by_role("status")).to_have_text("The test was sent. Look whether it arrived.", timeout=WITHIN_MS)


def test_what_is_chosen_stays_chosen(page: Page) -> None:
    page.goto("/notifications/")
    with page.expect_response("**/api/notices/"):
        page.get_by_label("Alerts of Studio").select_option("all")
    expect(page.locator("#saved")).to_have_text("Saved")
    page.get_by_label("Quiet from").fill("22:00")
    with page.expect_response(lambda answer: "quiet_to" in (answer.request.post_data or "")):
        page.get_by_label("to", exact=True).fill("07:00")
        page.get_by_label("to", exact=True).press("Tab")
    page.reload()
    expect(page.get_by_label("Alerts of Studio")).to_have_value("all")
    expect(page.get_by_label("Quiet from")).to_have_value("22:00")
    expect(page.get_by_label("to", exact=True)).to_have_value("07:00")


def test_a_service_that_leads_into_this_network_is_refused_in_words(page: Page) -> None:
    page.goto("/notifications/")
    page.get_by_label("Who is told").fill("alice@example.com")
    page.get_by_label("URL of the service").fill("json://127.0.0.1:6379/")
    page.get_by_role("button", name="Add the service").click()
    expect(page.locator("#service-form").get_by_role("alert")).to_contain_text("the server's own network")


def test_a_guest_comes_sees_one_camera_and_is_sent_away(page: Page, browser: Browser, stack: Stack) -> None:
    page.goto("/alerts/")
    page.locator(".rail .me summary").click()
    page.locator(".rail").get_by_role("link", name="Guests").click()
    page.get_by_label("Who is it for?").fill("Jana")
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_label("Guest link", exact=True).input_value()
    guest = browser.new_context(base_url=stack.url).new_page()
    guest.set_default_timeout(WITHIN_MS)
    guest.goto(link)
    expect(guest.get_by_role("heading", name="Welcome, Jana")).to_be_visible(timeout=WITHIN_MS)
    assert "#" not in guest.url
    guest.get_by_role("link", name="cam001, Studio").click()
    expect(guest.get_by_role("heading", name="cam001").first).to_be_visible(timeout=WITHIN_MS)
    expect(guest.get_by_role("navigation", name="Main").get_by_role("link", name="Room")).to_be_hidden()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("[data-guest-link]")).to_contain_text("revoked", timeout=WITHIN_MS)
    guest.wait_for_url("**/guest/", timeout=WITHIN_MS)
    expect(guest.get_by_role("heading", name="This")).to_be_visible(timeout=WITHIN_MS)
    guest.goto(link)
    expect(guest.get_by_role("heading", name="This link is over")).to_be_visible(timeout=WITHIN_MS)
    guest.context.close()


def test_who_takes_an_alert_is_named_to_the_others(page: Page, browser: Browser, stack: Stack) -> None:
    stack.add_user("bob@example.com", "--name", "Bob", "--location", stack.location, "--may", "watch")
    stack.shell(RAISED)
    bob = sign_in(browser, stack, "bob@example.com", "/alerts/")
    bob.set_default_timeout(WITHIN_MS)
    page.goto("/alerts/")
    theirs = bob.locator("#raised", has_text="The disk is nearly full")
    expect(theirs).to_be_visible(timeout=WITHIN_MS)
    page.locator("#raised li", has_text="The disk is nearly full").get_by_role("button", name="I’ll take it").click()
    expect(page.locator("#claimed")).to_contain_text("You have it", timeout=WITHIN_MS)
    expect(bob.locator("#claimed")).to_contain_text("Alice has it", timeout=WITHIN_MS)
    bob.context.close()


def test_many_gaps_in_a_row_are_one_line_of_the_room_that_opens(page: Page, stack: Stack) -> None:
    page.goto("/room/")
    expect(page.locator("html")).to_have_attribute("data-room", "open", timeout=WITHIN_MS)
    stack.manage("shell", "-v", "0", "-c", FIVE_GAPS)
    row = page.locator("#room-list [data-kind=gaps]")
    expect(row.locator("summary")).to_have_text(re.compile("^cam001: 5 gaps from .*, 20 s lost, no power$"))
    expect(page.locator("#room-list [data-kind=gap]:visible")).to_have_count(0)
    row.locator("summary").click()
    expect(row.get_by_role("link")).to_have_count(5)
    for shown, seen in (("said", False), ("event", True), ("all", True)):
        page.locator("#stream-filter").select_option(shown)
        expect(row).to_be_visible(visible=seen)
    page.locator("#say").fill("Somebody should look at its plug")
    page.locator("#say").press("Enter")
    expect(page.locator("#room-list > :last-child")).to_contain_text("plug")


def test_the_week_is_a_page_too(page: Page) -> None:
    page.goto("/letter/")
    expect(page.locator("[data-camera='cam001@studio.loc']")).to_be_visible(timeout=WITHIN_MS)
    page.get_by_role("button", name="Week before").click()
    expect(page.get_by_role("heading", name="No alerts")).to_be_visible(timeout=WITHIN_MS)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_page(
    page: Page, browser: Browser, stack: Stack, width: int, scheme: Literal["dark", "light"]
) -> None:
    page.goto("/guests/")
    page.get_by_label("Who is it for?").fill("Mr Weber of the insurance")
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_label("Guest link", exact=True).input_value()
    guest = browser.new_context(base_url=stack.url).new_page()
    guest.set_default_timeout(WITHIN_MS)
    guest.goto(link)
    expect(guest.get_by_role("heading", name="Welcome, Mr Weber")).to_be_visible(timeout=WITHIN_MS)
    found: dict[str, list[str]] = {}
    looked_at = [(page, path) for path in ("/notifications/", "/guests/", "/letter/", "/letter/stop/")]
    for tab, path in [*looked_at, (guest, "")]:
        tab.set_viewport_size({"width": width, "height": 800})
        tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if path:
            tab.goto(path)
        expect(tab.locator("[aria-busy=true]")).to_have_count(0, timeout=WITHIN_MS)
        if violations := serious(tab):
            found[path or "guest"] = violations
        assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
    page.set_viewport_size({"width": 1440, "height": 900})
    guest.context.close()
    assert found == {}


def test_pages_and_errors_speak_german_and_the_person_is_written_to_in_it(page: Page, stack: Stack) -> None:
    page.goto("/letter/")
    page.locator(".rail .me summary").click()
    with page.expect_navigation():
        page.locator(".rail [data-do=language]").select_option("de")
    expect(page.get_by_role("heading", name="Die Woche").first).to_be_visible(timeout=WITHIN_MS)
    assert stack.request("GET", "/api/me/", access=stack.access_token())["language"] == "de"
    page.locator(".rail .me summary").click()
    with page.expect_navigation():
        page.locator(".rail [data-do=language]").select_option("en")
