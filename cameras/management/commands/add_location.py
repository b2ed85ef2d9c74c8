"""Add a place."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cameras.models import Location


class Command(BaseCommand):
    """`manage.py add_location DOMAIN`."""

    help = "Add a place for cameras. Its domain stands behind the @ in their names, for example studio.loc."

    def add_arguments(self, parser: CommandParser) -> None:
        """Domain, name, zone."""
        parser.add_argument("domain")
        parser.add_argument("--name", default="", help="as people call it")
        parser.add_argument("--timezone", default="UTC", help="for example Europe/Berlin")

    def handle(self, *args: Any, **options: Any) -> None:
        """Says what it did; adding the same place again changes nothing."""
        location = Location(domain=options["domain"], name=options["name"], timezone=options["timezone"])
        location.domain = location.domain.lower()
        if Location.objects.filter(domain=location.domain).exists():
            self.stdout.write(f"{location.domain} is there already.")
            return
        try:
            location.full_clean()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        location.save()
        self.stdout.write(f"{location.domain} added. Next: manage.py add_camera cam001@{location.domain}")
