"""The audit trail is final in the database too: triggers refuse what the models refuse, whoever asks."""

from __future__ import annotations

from typing import Any

WORDS = "Rows of the audit trail are neither changed nor deleted."
TABLE = "accounts_auditentry"
SQLITE = [
    f"CREATE TRIGGER IF NOT EXISTS audit_no_{what} BEFORE {what} ON {TABLE} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
    for what in ("update", "delete")
]
POSTGRESQL = [
    f"CREATE OR REPLACE FUNCTION audit_is_final() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION '{WORDS}'; END; $$ "
    "LANGUAGE plpgsql",
    f"CREATE OR REPLACE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON {TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION audit_is_final()",
    f"CREATE OR REPLACE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_final()",
]
UNSEAL = {
    "sqlite": ["DROP TRIGGER IF EXISTS audit_no_update", "DROP TRIGGER IF EXISTS audit_no_delete"],
    "postgresql": [f"DROP TRIGGER IF EXISTS audit_no_{what} ON {TABLE}" for what in ("change", "truncate")],
}


def seal(connection: Any) -> None:
    """At each start, after migrations: SQLite forgets triggers when a migration makes the table anew."""
    statements = {"sqlite": SQLITE, "postgresql": POSTGRESQL}[connection.vendor]
    _run(connection, statements)


def unseal(connection: Any) -> None:
    """For tests, which empty the tables, and for a migration that must rewrite rows."""
    _run(connection, UNSEAL[connection.vendor])


def _run(connection: Any, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
