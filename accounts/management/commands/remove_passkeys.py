"""Remove a person's passkeys."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.ceremonies import remove_all
from accounts.models import User


class Command(BaseCommand):
    """`manage.py remove_passkeys EMAIL`."""

    help = (
        "Remove all passkeys of a person who has lost them. A link alone signs them in again, until they add another."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The address."""
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        """Says which were removed."""
        user = User.objects.by_email(options["email"])
        if user is None:
            raise CommandError(f"Nobody here has the address {options['email']}.")
        names = remove_all(user, "the server's command line")
        self.stdout.write(f"Removed: {', '.join(names)}." if names else f"{user} has no passkey.")
