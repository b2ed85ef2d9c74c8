"""Web push from the alert to the page that a click opens. No push service can be reached here, so the test stands where
one would: it takes what the server sends, decrypts it as a browser does (RFC 8291), and hands it to the worker."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.stack import OPERATOR, Stack, until
from tests.notices.receivers import Browser as Subscriber
from tests.notices.receivers import Receiver, receiver

WITHIN_MS = 60_000
RAISED = (
    "from cameras.models import Alert, Location;"
    "print(Alert.objects.raise_('x', 'critical', 'The disk is nearly full', location=Location.objects.get()).pk)"
)
TOLD = "async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(({title}) => title)"
# To bring a window to the front takes a person's touch, which no tool of the browser's can stand for.
CLICKED = """async () => {
  WindowClient.prototype.focus = async function () { return this; };
  const [notification] = await self.registration.getNotifications();
  self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
}"""


@pytest.fixture(scope="module")
def service() -> Iterator[Receiver]:
    """Where a push service would be."""
    with receiver() as there:
        yield there


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A server that may speak to this machine."""
    env = {"UCAM_NOTICE_NETWORKS": "127.0.0.0/8"}
    with Stack(tmp_path_factory.mktemp("push"), with_camera=False, env=env) as running:
        yield running


@pytest.fixture
def page(stack: Stack, browser: Browser) -> Iterator[Page]:
    """An operator's browser, in which notifications are allowed."""
    opened = sign_in(browser, stack, OPERATOR)
    opened.set_default_timeout(WITHIN_MS)
    opened.context.grant_permissions(["notifications"], origin=stack.url)
    yield opened
    opened.context.close()


def hand_over(page: Page, origin: str, message: str) -> None:
    """What a push service does."""
    tools = page.context.new_cdp_session(page)
    known: list[str] = []
    tools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: known.extend(one["registrationId"] for one in told["registrations"]),
    )
    tools.send("ServiceWorker.enable")
    # What the browser tells arrives only while it is spoken to.
    registration = until(lambda: page.evaluate("() => true") and known and known[0], "the worker is known", 20)
    asked = {"origin": origin, "registrationId": str(registration), "data": message}
    tools.send("ServiceWorker.deliverPushMessage", asked)
    tools.detach()


def test_a_browser_whose_push_service_is_out_of_reach_is_told_so(page: Page, stack: Stack) -> None:
    page.goto("/notifications/")
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    page.get_by_role("button", name="Tell me in this browser").click()
    words = "This browser did not agree, or its push service cannot be reached."
    expect(page.get_by_text(words)).to_be_visible(timeout=WITHIN_MS)
    expect(page.get_by_role("button", name="Tell me in this browser")).to_be_enabled()
    ways = stack.request("GET", "/api/notices/", access=stack.access_token())["channels"]
    assert [way["kind"] for way in ways] == ["mail"]


def test_a_message_becomes_one_notification_that_a_later_one_replaces(page: Page, stack: Stack) -> None:
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    for title in ("Hof ist nicht verbunden", "Vorbei: Hof ist nicht verbunden"):
        told = {"title": title, "body": "Studio", "url": f"{stack.url}/alerts/#alert-1", "tag": "alert-1"}
        hand_over(page, stack.url, json.dumps(told))
        until(lambda title=title: page.evaluate(TOLD) == [title], "it is the only one shown", 20)  # type: ignore[misc]


def test_an_alert_is_shown_by_the_browser_and_a_click_opens_it(page: Page, stack: Stack, service: Receiver) -> None:
    me = Subscriber()
    body = {"kind": "push", "subscription": me.subscription(f"http://{service.host}/send/1"), "name": "Chromium"}
    stack.request("POST", "/api/notices/channels/", body, stack.access_token())
    alert = stack.shell(RAISED)
    got = until(lambda: service.got, "the server sends it")
    told = me.read(got[0])
    assert told["title"] == "The disk is nearly full"

    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    page.goto("/guests/")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    hand_over(page, stack.url, json.dumps(told))
    until(lambda: page.evaluate(TOLD) == ["The disk is nearly full"], "the notification is shown", 20)
    page.context.service_workers[0].evaluate(CLICKED)
    page.wait_for_url(f"{stack.url}/alerts/#alert-{alert}")
    expect(page.locator("#raised li", has_text="The disk is nearly full")).to_be_visible()
    assert page.evaluate(TOLD) == []
