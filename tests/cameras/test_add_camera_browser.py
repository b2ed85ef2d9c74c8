"""The page in a real browser: the password stays there, the zip is whole, the camera's words come live."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from playwright.sync_api import Browser, Download, Page, Request

from cameras.enrolment.card import Wifi, network
from tests.cameras.test_add_camera_card import HOSTILE, NAMES, USER_DATA
from tests.e2e.conftest import browser_type_launch_args as browser_type_launch_args
from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack

JID = "cam001@studio.loc"
PASSWORD = "correct horse 'battery\" staple"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB alice@desk"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("server"), with_camera=False) as running:
        running.manage("add_camera", JID, "--width", "320", "--height", "240", "--fps", "10", "--chunk-s", "10")
        yield running


@pytest.fixture(scope="module")
def page(stack: Stack, browser: Browser) -> Page:
    """An operator before the page of the camera, with a code."""
    opened = sign_in(browser, stack, "alice@example.com")
    opened.goto("/admin/cameras/camera/")
    opened.get_by_role("link", name=JID).click()
    opened.get_by_role("link", name="Enrol: code and card").click()
    opened.get_by_role("button", name="Make a code").click()
    opened.locator("#code").wait_for()
    return opened


def fill(page: Page, name: str, password: str, key: str = "") -> None:
    page.locator("#wifi-name").fill(name)
    page.locator("#wifi-password").fill(password)
    page.locator("#wifi-country").fill("de")
    page.locator("#ssh-key").fill(key)


def press(page: Page) -> Download:
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the card's files").click()
    return waiting.value


def files_of(download: Download) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(Path(download.path()).read_bytes())) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_password_goes_into_the_zip_and_into_no_request(page: Page) -> None:
    sent: list[str] = []

    def note(request: Request) -> None:
        sent.append(f"{request.url} {request.headers} {request.post_data or ''}")

    page.on("request", note)
    fill(page, "Shop", PASSWORD, KEY)
    files = files_of(press(page))
    page.locator("#wifi-password").press("Enter")
    with page.expect_request("**/arrival/"):
        pass
    page.remove_listener("request", note)
    assert set(files) == NAMES
    assert (
        PASSWORD
        in json.loads(files["network-config"])["network"]["wifis"]["wlan0"]["access-points"]["Shop"]["password"]
    )
    assert sent
    assert not [one for one in sent if "horse" in one or "AAAAC3" in one]
    told = yaml.safe_load(files["user-data"])
    jsonschema.validate(told, USER_DATA)
    assert told["user"]["ssh_authorized_keys"] == [KEY]
    assert page.locator("#code").inner_text() in files["ucam.toml"]


def test_browser_and_server_write_the_same_network(page: Page) -> None:
    for text in HOSTILE:
        if "\n" in text:
            continue  # a text field holds no line break
        name = text.encode()[:32].decode(errors="ignore")
        fill(page, name, "$(id)`'\"{}: #")
        made = yaml.safe_load(files_of(press(page))["network-config"])
        assert made == network(Wifi(name, "$(id)`'\"{}: #")), text


def test_without_wifi_the_cable_is_left(page: Page) -> None:
    fill(page, "", "")
    assert yaml.safe_load(files_of(press(page))["network-config"]) == network()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("Shop", "short", ""), "8 to 63"),
        (("", "long enough", ""), "no Wi-Fi name"),
        (("ü" * 17, "", ""), "32 bytes"),
        (("Shop", "long enough", "-----BEGIN OPENSSH PRIVATE KEY-----"), "no public SSH key"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(page: Page, typed: tuple[str, str, str], said: str) -> None:
    fill(page, *typed)
    page.get_by_role("button", name="Download the card's files").click()
    assert said in page.locator("#card-error").inner_text()


def test_the_qr_code_leads_to_the_lines_and_tells_the_server_nothing(
    page: Page, stack: Stack, browser: Browser
) -> None:
    code = page.locator("#code").inner_text()
    asked: list[str] = []
    phone = browser.new_context(base_url=stack.url).new_page()
    phone.on("request", lambda request: asked.append(request.url))
    phone.goto(f"/install/#{code}")
    phone.get_by_text(f"ucam-agent enrol {stack.url} {code}").wait_for()
    assert f"sh -s -- {code}" in phone.locator("#install-line").inner_text()
    assert not [url for url in asked if code in url.partition("#")[0]]
    phone.context.close()


def test_the_page_shows_live_how_the_camera_arrives(page: Page, stack: Stack) -> None:
    """Last: it uses the code up. A reload makes no other one."""
    states = "() => [...document.querySelectorAll('[data-step]')].map((line) => line.dataset.state)"
    assert set(page.evaluate(states)) == {"waiting"}
    stack.agent.command("enrol", stack.url, page.locator("#code").inner_text())
    page.wait_for_selector("[data-step=enrolled][data-state=ok]", timeout=20_000)
    stack.agent.start()
    for step in ("camera", "encoder", "fragment", "picture"):
        page.wait_for_selector(f"[data-step={step}][data-state=ok]", timeout=60_000)
    picture: Any = page.locator("#picture")
    picture.wait_for(timeout=20_000)
    page.wait_for_function("document.getElementById('picture').naturalWidth > 0", timeout=20_000)
    page.reload()
    assert page.locator("#code").count() == 0
    assert page.url.endswith("/enrol/")
