"""A passkey as people use it: Chromium with a virtual authenticator, against a running server without a camera."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.e2e.axe import serious
from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e
WITHIN_MS = 60_000
SHOTS = os.environ.get("UCAM_SHOTS")  # a folder: pictures of the pages go there
DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("passkeys"), with_camera=False, host="localhost") as running:
        yield running


class Device:
    """The virtual authenticator of one page."""

    def __init__(self, page: Page) -> None:
        self._tools: CDPSession = page.context.new_cdp_session(page)
        self._tools.send("WebAuthn.enable")
        self.name = self._tools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        found = self._tools.send("WebAuthn.getCredentials", {"authenticatorId": self.name})
        return list(found["credentials"])

    def forget(self) -> None:
        self._tools.send("WebAuthn.clearCredentials", {"authenticatorId": self.name})

    def remember(self, credentials: list[dict[str, Any]]) -> None:
        for credential in credentials:
            self._tools.send("WebAuthn.addCredential", {"authenticatorId": self.name, "credential": credential})


@pytest.fixture(scope="module")
def page(stack: Stack, browser: Browser) -> Iterator[Page]:
    """alice, an operator."""
    opened = sign_in(browser, stack, "alice@example.com")
    opened.set_default_timeout(WITHIN_MS)
    yield opened
    opened.context.close()


@pytest.fixture(scope="module")
def phone(page: Page) -> Device:
    """What her page has for an authenticator."""
    return Device(page)


def shot(page: Page, name: str) -> None:
    """Desk and phone, by day and by night."""
    if not SHOTS:
        return
    for scheme, width in (("light", 1280), ("dark", 360)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 800})
        page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})


def add(page: Page, name: str) -> None:
    page.get_by_label("What do you call it?").fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("#sheet")).to_contain_text(f"{name} is added.", timeout=WITHIN_MS)


def redeem(page: Page, stack: Stack) -> None:
    page.goto(stack.sign_in_link())
    page.get_by_role("button", name="Sign in on this device").click()


def test_a_passkey_is_added_and_asked_for_at_the_next_sign_in(page: Page, phone: Device, stack: Stack) -> None:
    page.locator(".rail .me summary").click()
    page.locator(".rail").get_by_role("link", name="Passkeys").click()
    expect(page.get_by_role("heading", name="No passkey yet")).to_be_visible()
    shot(page, "none")
    add(page, "My phone")
    assert len(phone.credentials()) == 1
    shot(page, "one")
    page.locator(".rail .me summary").click()
    page.locator(".rail [data-do=sign-out]").click()
    page.wait_for_url(re.compile("/sign-in/$"))
    redeem(page, stack)
    page.wait_for_url(f"{stack.url}/")
    page.goto("/admin/")
    expect(page.locator("#site-name")).to_be_visible()
    page.goto("/passkeys/")
    expect(page.locator("[data-passkey]")).to_contain_text("last used")


def test_a_link_alone_lets_nobody_in(page: Page, phone: Device, stack: Stack, browser: Browser) -> None:
    thief = browser.new_context(base_url=stack.url).new_page()
    Device(thief)  # a device of the thief's own, without her passkey
    redeem(thief, stack)
    expect(thief.get_by_role("heading", name="Now your passkey")).to_be_visible(timeout=WITHIN_MS)
    expect(thief.locator("#prove-error")).to_contain_text("No passkey was given", timeout=WITHIN_MS)
    shot(thief, "factor")
    assert thief.evaluate("() => Object.keys(localStorage).filter((key) => key.startsWith('ucam.'))") == []
    thief.goto("/")
    thief.wait_for_url(re.compile("/sign-in/$"))
    with pytest.raises(KeyError):
        stack.access_token()
    thief.context.close()


def test_whoever_cancels_tries_again_with_the_same_link(page: Page, phone: Device, stack: Stack) -> None:
    kept = phone.credentials()
    phone.forget()
    redeem(page, stack)
    expect(page.locator("#prove-error")).to_contain_text("No passkey was given", timeout=WITHIN_MS)
    phone.remember(kept)
    page.get_by_role("button", name="Use my passkey").click()
    page.wait_for_url(f"{stack.url}/")


def test_it_is_renamed_and_removed_with_itself(page: Page, phone: Device, stack: Stack) -> None:
    page.goto("/passkeys/")
    row = page.locator("[data-passkey]")
    row.get_by_role("button", name="Rename").click()
    row.get_by_label("Name of the passkey").fill("Old phone")
    row.get_by_role("button", name="Keep the name").click()
    expect(row).to_contain_text("Old phone")
    kept = phone.credentials()
    phone.forget()
    row.get_by_role("button", name="Remove").click()
    expect(row).to_contain_text("It is your last one")
    shot(page, "remove")
    row.get_by_role("button", name="Remove it").click()
    expect(row.get_by_role("alert")).to_contain_text("No passkey was given", timeout=WITHIN_MS)
    phone.remember(kept)
    row.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("heading", name="No passkey yet")).to_be_visible(timeout=WITHIN_MS)
    assert stack.access_token()


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_page(
    page: Page, phone: Device, stack: Stack, width: int, scheme: Literal["dark", "light"]
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto("/passkeys/")
    expect(page.locator("[aria-busy=true]")).to_have_count(0, timeout=WITHIN_MS)
    phone.forget()
    add(page, "A phone with a name that is as long as a name may be, of W")
    kept = phone.credentials()
    page.locator("[data-passkey]").get_by_role("button", name="Rename").click()
    assert (serious(page), fits(page)) == ([], True)
    page.get_by_role("button", name="Cancel").click()
    page.locator("[data-passkey]").get_by_role("button", name="Remove").click()
    assert (serious(page), fits(page)) == ([], True)
    phone.forget()
    redeem(page, stack)
    expect(page.locator("#prove-error")).to_be_visible(timeout=WITHIN_MS)
    assert (serious(page), fits(page)) == ([], True)
    phone.remember(kept)
    page.get_by_role("button", name="Use my passkey").click()
    page.wait_for_url(f"{stack.url}/")
    stack.manage("remove_passkeys", "alice@example.com")


def fits(page: Page) -> bool:
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"))
