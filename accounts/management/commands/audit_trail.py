"""manage.py audit_trail: the audit trail as CSV."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import AuditEntry
from accounts.trail import write


class Command(BaseCommand):
    """Oldest first, on the standard output."""

    help = "Print who did what as CSV, oldest first. Redirect it to a file."

    def add_arguments(self, parser: CommandParser) -> None:
        """From when."""
        parser.add_argument("--since", default="", help="a day or an instant, for example 2026-11-01")

    def handle(self, *args: Any, **options: Any) -> None:
        """Row by row: a trail may be long."""
        rows = AuditEntry.objects.order_by("pk")
        if options["since"]:
            try:
                since = datetime.fromisoformat(options["since"])
            except ValueError as error:
                raise CommandError("--since looks like 2026-11-01 or 2026-11-01T10:00:00+01:00.") from error
            rows = rows.filter(at__gte=since if since.tzinfo else since.replace(tzinfo=UTC))
        write(rows.iterator(), self.stdout)
