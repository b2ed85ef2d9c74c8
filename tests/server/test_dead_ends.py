"""Where there is no page, people read what it means and how to go on; in their language, under the same policy."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils.translation import override
from django.views.defaults import permission_denied, server_error


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "There is nothing at this address"), ("de", "Unter dieser Adresse gibt es nichts")],
)
@pytest.mark.django_db
def test_an_address_without_a_page_says_so_and_leads_to_the_cameras(language: str, words: str) -> None:
    answer = Client().get("/camras/", headers={"accept-language": language})
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert words in answer.content.decode()
    assert 'href="/"' in answer.content.decode()
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_form_that_stood_open_too_long_says_that_nothing_has_changed() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/logout/")
    assert answer.status_code == 403
    assert "nothing has changed" in answer.content.decode()


@pytest.mark.django_db
def test_a_server_that_is_called_by_a_foreign_name_says_where_names_are_added(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    answer = Client().get("/", headers={"host": "cameras.example"})
    assert answer.status_code == 400
    assert "UCAM_HOSTS" in answer.content.decode()


def test_a_fault_of_the_server_and_a_missing_right_are_told_in_words() -> None:
    request = RequestFactory().get("/")
    with override("de"):
        assert "Die Kameras nehmen weiter auf" in server_error(request).content.decode()
        assert "Dafür fehlt Ihnen ein Recht" in permission_denied(request, PermissionError()).content.decode()
