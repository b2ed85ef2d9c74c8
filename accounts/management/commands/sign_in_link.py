"""Print a sign-in link."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.sign_in import make_link


class Command(BaseCommand):
    """`manage.py sign_in_link EMAIL`."""

    help = "Print a link that signs a person in. It works once, for 10 minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        """The address."""
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        """The URL alone on standard output."""
        user = User.objects.by_email(options["email"])
        if user is None:
            raise CommandError(
                f"Nobody here has the address {options['email']}. Add them: manage.py add_user {options['email']}"
            )
        self.stdout.write(make_link(user))
