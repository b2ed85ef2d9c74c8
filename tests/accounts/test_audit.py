"""The audit trail: who did what; nobody changes it."""

from typing import Any

import pytest
from django.test import Client

from accounts.audit import AuditEntryIsFinal, record
from accounts.models import AuditEntry
from accounts.sign_in import make_link
from cameras.models import Location
from tests.conftest import Cast


def trail() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("actor", "action", "subject"))


def link_of(cast: Cast, person: Any) -> str:
    return make_link(person).split("/sign-in/")[1].strip("/")


def test_signing_in_leaves_a_row(cast: Cast) -> None:
    link = link_of(cast, cast.bob)
    assert cast.api(None).post("/api/token/", {"link": link}).status_code == 200
    assert cast.api(None).post("/api/token/", {"link": link}).status_code == 410
    assert trail() == [("bob@example.com", "sign_in", "bob@example.com")]


def test_rows_are_neither_changed_nor_deleted(cast: Cast) -> None:
    record(cast.bob.jid, AuditEntry.Action.WATCH, cast.camera.jid)
    row = AuditEntry.objects.get()
    row.actor = "mallory@example.com"
    for change in (row.save, row.delete, AuditEntry.objects.all().delete):
        with pytest.raises(AuditEntryIsFinal):
            change()
    with pytest.raises(AuditEntryIsFinal):
        AuditEntry.objects.update(actor="nobody@example.com")
    assert trail() == [("bob@example.com", "watch", "cam001@studio.loc")]


def test_rows_outlive_the_person(cast: Cast) -> None:
    record(cast.bob.jid, AuditEntry.Action.WATCH, cast.camera.jid)
    cast.bob.delete()
    assert trail() == [("bob@example.com", "watch", "cam001@studio.loc")]


@pytest.fixture
def admin(cast: Cast, client: Client) -> Client:
    """alice in the admin."""
    client.force_login(cast.alice)
    return client


def test_operators_read_the_trail_and_cannot_edit_it(cast: Cast, admin: Client) -> None:
    record(cast.bob.jid, AuditEntry.Action.WATCH, cast.camera.jid)
    page = admin.get("/admin/accounts/auditentry/")
    assert (page.status_code, b"cam001@studio.loc" in page.content) == (200, True)
    number = AuditEntry.objects.get().pk
    assert admin.post(f"/admin/accounts/auditentry/{number}/change/", {"actor": "x"}).status_code == 403
    assert admin.post(f"/admin/accounts/auditentry/{number}/delete/", {"post": "yes"}).status_code == 403
    assert admin.get("/admin/accounts/auditentry/add/").status_code == 403


def test_who_is_no_operator_does_not_see_it(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    assert client.get("/admin/accounts/auditentry/").status_code == 302


def test_changed_settings_leave_a_row_without_values(cast: Cast, admin: Client) -> None:
    place = Location.objects.get(domain="elsewhere.loc")
    inline = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    form = {"domain": place.domain, "name": "The cellar", "timezone": "UTC"} | inline
    assert admin.post(f"/admin/cameras/location/{place.pk}/change/", form).status_code == 302
    assert trail() == [("alice@example.com", "settings", "location elsewhere.loc")]
    details = AuditEntry.objects.get().details
    assert details == {"done": "changed", "changes": [{"changed": {"fields": ["Name"]}}]}
