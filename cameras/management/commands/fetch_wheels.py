"""Fetch what cameras need besides Debian, so that they need no way to the internet for it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cameras.enrolment import wheels


class Command(BaseCommand):
    """`manage.py fetch_wheels`."""

    help = (
        "Make the agent's package and fetch those that it needs, for 64-bit Raspberry Pi OS. "
        "Cameras then install from this server; without it they ask the public package index."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which Pythons."""
        parser.add_argument("--python", action="append", help="such as 3.13; may be repeated (default: 3.11 and 3.13)")

    def handle(self, *args: Any, **options: Any) -> None:
        """What is there, in two lines."""
        try:
            made = wheels.agent_wheel()
            for python in options["python"] or wheels.PYTHONS:
                wheels.fetch_dependencies(python)
        except wheels.WheelNotMade as error:
            raise CommandError(f"{error.message} {error.hint}") from error
        self.stdout.write(f"{made.name} and {len(wheels.dependencies())} packages in {wheels.folder()}")
