"""Headers of every page, cookies, and templates that need no inline script or style."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.conftest import Cast

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
MAILS = {"notices/mail.html", "storage/letter.html"}  # mail programs know no style sheets


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/api/schema/", "/healthz", "/admin/login/", "/no/such/page"])
def test_every_answer_says_what_a_browser_may_do_with_it(cast: Cast, path: str) -> None:
    answer = Client().get(path)
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


def test_with_tls_browsers_never_come_back_without_it(cast: Cast, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SESSION_COOKIE_SECURE = True
    browser, token = Client(), cast.access(cast.alice)
    assert "max-age=31536000" in browser.get("/", secure=True)["Strict-Transport-Security"]
    browser.post("/api/admin-session/", headers={"Authorization": f"Bearer {token}"}, secure=True)
    cookie = browser.cookies["sessionid"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_what_changes_something_in_the_admin_needs_the_pages_own_token(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.alice)
    assert browser.post("/admin/accounts/user/add/", {"email": "eve@example.com"}).status_code == 403
    assert browser.post("/admin/logout/").status_code == 403


PAGES = sorted(file for file in TEMPLATES.rglob("*.html") if file.relative_to(TEMPLATES).as_posix() not in MAILS)


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_a_template_has_nothing_inline(file: Path) -> None:
    text = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text) == []
    assert re.findall(r"<style\b|\sstyle=|\son\w+=|javascript:", text) == []
