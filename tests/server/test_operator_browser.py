"""The operator's pages in a real browser: ten cameras, three in trouble; plots are drawn under the site's policy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from cameras.models import Alert, Camera
from tests.conftest import Cast
from tests.e2e.conftest import browser_type_launch_args as browser_type_launch_args
from tests.server.test_operator_admin import LIST, ten

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SHOTS = os.environ.get("UCAM_SHOTS")  # a folder: pictures of the pages go there


@pytest.fixture(scope="session", autouse=True)
def rows_beside_a_browser() -> None:
    """Playwright keeps a loop in this thread; Django then takes each query for one that would hold it up."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


@pytest.fixture
def page(
    lasting_cast: Cast, live_server: LiveServer, browser: Browser, settings: Any, tmp_path: Path
) -> Iterator[Page]:
    """alice in the admin; whatever the browser complains about fails the test."""
    settings.UCAM_MEDIA = tmp_path / "media"
    lasting_cast.camera.delete()
    lasting_cast.foreign.delete()
    ten(lasting_cast.studio)
    client = Client()
    client.force_login(lasting_cast.alice, backend="sesame.backends.ModelBackend")
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    opened = context.new_page()
    complaints: list[str] = []

    def heard(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning") and "Failed to load resource" not in said.text:
            complaints.append(said.text)

    def answered(response: Response) -> None:
        if response.status >= 400 and not response.url.endswith("/favicon.ico"):
            complaints.append(f"{response.status} {response.url}")

    opened.on("console", heard)
    opened.on("response", answered)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def shot(page: Page, name: str) -> None:
    """Desk, tablet and phone, by day and by night."""
    if not SHOTS:
        return
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width, device in ((1440, "desk"), (800, "tablet"), (390, "phone")):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(300)
            page.screenshot(path=f"{SHOTS}/{name}-{device}-{scheme}.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_the_troubled_cameras_are_found_and_the_figures_are_drawn(page: Page) -> None:
    page.goto(LIST)
    expect(page.get_by_role("link", name="cam003 is not connected")).to_be_visible()
    shot(page, "cameras")
    page.get_by_role("link", name="Any open alert").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("change_settings")
    page.locator("button[name=index]").first.click()
    expect(page.get_by_role("button", name="Change settings")).to_be_visible()
    shot(page, "settings-of-many")
    page.goto(f"{LIST}figures/")
    expect(page.locator(".figures__plot canvas")).to_have_count(4)
    expect(page.locator("#alerts-words")).to_have_text("2 alerts are open now.")
    shot(page, "figures")


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_fits_a_phone_in_every_language(page: Page, live_server: LiveServer, language: str) -> None:
    page.context.add_cookies([{"name": "django_language", "value": language, "url": live_server.url}])
    camera, away = Camera.objects.get(local="cam001"), Camera.objects.get(local="cam003")
    place, bob = camera.location, User.objects.get(email="bob@example.com")
    for path in (
        "", "cameras/camera/", "cameras/camera/add/", f"cameras/camera/{camera.pk}/change/",
        f"cameras/camera/{away.pk}/change/", f"cameras/camera/{away.pk}/enrol/", "cameras/location/",
        f"cameras/location/{place.pk}/change/", "cameras/alert/", f"cameras/alert/{Alert.objects.all()[0].pk}/change/",
        "cameras/message/", "accounts/user/", f"accounts/user/{bob.pk}/change/", "accounts/auditentry/",
        "accounts/session/", "storage/total/", "storage/chunk/", "storage/gap/", "storage/hold/",
        "storage/installation/", "storage/installation/1/change/", "storage/spoolreport/",
    ):  # fmt: skip
        page.set_viewport_size({"width": 390, "height": 900})
        page.goto(f"/admin/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.locator("html").get_attribute("lang") == language
        shot(page, f"{language}-{path.strip('/').replace('/', '-') or 'index'}")
