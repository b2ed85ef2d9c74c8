"""The audit trail as a table for elsewhere."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import Any

from accounts.models import AuditEntry

COLUMNS = ["number", "at", "who", "action", "of what", "details"]


def write(rows: Iterable[AuditEntry], file: Any) -> int:
    """CSV with a head; answers the number of rows."""
    table, count = csv.writer(file), 0
    table.writerow(COLUMNS)
    for row in rows:
        details = json.dumps(row.details, ensure_ascii=False, sort_keys=True)
        table.writerow([row.pk, row.at.isoformat(), *map(inert, (row.actor, row.action, row.subject, details))])
        count += 1
    return count


def inert(text: str) -> str:
    """A spreadsheet takes a cell that begins like this for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
