"""An alert from the camera that stops to the person who takes it: beat, worker, mail server and pages as they are."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.stack import OPERATOR, Stack, free_port, until

BOB, CAROL = "bob@example.com", "carol@example.com"
WITHIN_S = 300
RAISED = (
    "from cameras.models import Alert, Location;"
    "Alert.objects.raise_({kind!r}, {level!r}, {title!r}, location=Location.objects.get())"
)
DISK, LAMP, GONE = "The disk is nearly full", "The lamp flickers", "cam001 is not connected"
LONG_OPEN = (
    "from datetime import timedelta; from django.db.models import F; from cameras.models import Alert;"
    "print(Alert.objects.filter(kind='camera_offline').update(raised_at=F('raised_at') - timedelta(minutes=15)))"
)


class Postbox:
    """A mail server's end: who got what."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def has_told(self, whom: str, title: str) -> bool:
        """In a subject, or in a line of a mail that tells of several."""
        return any(title in words(mail) for mail in self.mails if whom in str(mail["To"]))


def words(mail: EmailMessage) -> str:
    """Subject and text."""
    body = mail.get_body(("plain",))
    return f"{mail['Subject']}\n{body.get_content() if body else ''}"


@pytest.fixture(scope="module")
def postbox() -> Iterator[tuple[Postbox, int]]:
    box, port = Postbox(), free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, postbox: tuple[Postbox, int]) -> Iterator[Stack]:
    """What nobody takes within a quarter of an hour the operator is told."""
    env = {"EMAIL_URL": f"smtp://127.0.0.1:{postbox[1]}"}
    settings = {"source": {"kind": "file", "name": "street.mp4"}, "width": 320, "height": 240, "fps": 5}
    with Stack(tmp_path_factory.mktemp("alerts"), settings=settings, env=env) as running:
        yield running


def listens(stack: Stack, whom: str, heard: str, **plan: Any) -> None:
    """What a person wants to hear of."""
    wish = {"location": stack.location, "heard": heard, "by_mail": True, "by_push": True, "by_service": True}
    stack.request("PUT", "/api/notices/", {"places": [wish], **plan}, stack.access_token(whom))


def take(page: Page, title: str) -> None:
    """Claim an alert by its button."""
    page.goto("/alerts/")
    page.locator("#raised li", has_text=title).get_by_role("button", name="I’ll take it").click(timeout=60_000)
    expect(page.locator("#claimed li", has_text=title)).to_contain_text("You have it", timeout=60_000)


def test_an_alert_goes_from_the_first_to_the_next_until_somebody_takes_it(
    stack: Stack, browser: Browser, postbox: tuple[Postbox, int]
) -> None:
    box, now = postbox[0], datetime.now(UTC)
    for whom in (BOB, CAROL):
        stack.add_user(whom, "--location", stack.location, "--may", "watch")
    listens(stack, BOB, "all")
    listens(stack, OPERATOR, "none")  # hears only of what nobody takes
    quiet = {"quiet_from": f"{now - timedelta(hours=2):%H:%M}", "quiet_to": f"{now + timedelta(hours=2):%H:%M}"}
    listens(stack, CAROL, "all", timezone="UTC", critical_anyway=True, **quiet)
    bob = sign_in(browser, stack, BOB)

    stack.shell(RAISED.format(kind="lamp", level="warning", title=LAMP))
    stack.shell(RAISED.format(kind="disk", level="critical", title=DISK))
    take(bob, DISK)
    stack.agent.stop()
    until(lambda: box.has_told(BOB, GONE), "the first is told", WITHIN_S)
    assert not box.has_told(OPERATOR, GONE)
    assert stack.shell(LONG_OPEN) == "1"
    until(lambda: box.has_told(OPERATOR, GONE), "the operator is told, since nobody took it", WITHIN_S)
    until(lambda: box.has_told(CAROL, GONE), "what is critical comes in quiet hours", WITHIN_S)

    # Raised before it: taken, so nobody else was told; and a warning, which waits for the end of the quiet hours.
    assert box.has_told(BOB, LAMP)
    assert not box.has_told(OPERATOR, DISK)
    assert not box.has_told(CAROL, LAMP)
    alice = sign_in(browser, stack, OPERATOR, "/alerts/")
    expect(alice.locator("#raised li", has_text=GONE)).to_be_visible(timeout=60_000)
    take(bob, GONE)
    expect(alice.locator("#claimed li", has_text=GONE)).to_contain_text("bob has it", timeout=60_000)
    stack.agent.start()
    expect(alice.locator("#claimed li", has_text=GONE)).to_have_count(0, timeout=60_000)
