"""The audit trail is final, in the database itself; and it can be taken along."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client

from accounts.audit import record
from accounts.models import AuditEntry
from accounts.seal import TABLE, seal
from tests.conftest import Cast


@pytest.mark.parametrize("statement", [f"UPDATE {TABLE} SET actor = 'nobody'", f"DELETE FROM {TABLE}"])
def test_the_database_refuses_what_the_models_refuse(cast: Cast, statement: str) -> None:
    record(cast.bob.jid, AuditEntry.Action.WATCH, cast.camera.jid)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {TABLE}")  # the control: without the seal it would be done
        seal(connection)
        seal(connection)
        with pytest.raises(DatabaseError, match="neither changed nor deleted"), transaction.atomic():
            cursor.execute(statement)
    record(cast.bob.jid, AuditEntry.Action.REPLAY, cast.camera.jid)
    assert AuditEntry.objects.filter(actor=str(cast.bob.jid)).count() == 2


def test_without_the_seal_a_row_can_be_changed(cast: Cast) -> None:
    """The control of the test above."""
    record(cast.bob.jid, AuditEntry.Action.WATCH, cast.camera.jid)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET actor = 'nobody'")
        assert cursor.rowcount == 1


def test_it_is_printed_as_csv_and_no_cell_is_a_formula(cast: Cast) -> None:
    record("=cmd|'/c calc'!A1", AuditEntry.Action.WATCH, cast.camera.jid)
    printed = io.StringIO()
    call_command("audit_trail", "--since", "2020-01-01", stdout=printed)
    rows = list(csv.DictReader(io.StringIO(printed.getvalue())))
    assert [row["who"] for row in rows] == ["'=cmd|'/c calc'!A1"]
    with pytest.raises(CommandError, match="looks like"):
        call_command("audit_trail", "--since", "yesterday")


def test_operators_download_it_in_the_admin(cast: Cast) -> None:
    record(cast.bob.jid, AuditEntry.Action.WATCH, cast.camera.jid)
    browser = Client()
    browser.force_login(cast.alice)
    chosen = AuditEntry.objects.values_list("pk", flat=True)
    answer = browser.post("/admin/accounts/auditentry/", {"action": "as_csv", "_selected_action": list(chosen)})
    assert answer["Content-Type"].startswith("text/csv")
    assert "bob@example.com" in answer.content.decode()
