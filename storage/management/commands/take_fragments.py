"""Take fragments that nginx hands over; one of the server's processes."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from storage.fragments import serve


class Command(BaseCommand):
    """`manage.py take_fragments SOCKET`."""

    help = "Make fragments durable that nginx hands over on a unix socket, until SIGTERM. script/server starts it."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """The socket."""
        parser.add_argument("socket", type=Path, help="where to listen, a path")

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs until it is told to stop."""
        serve(options["socket"])
