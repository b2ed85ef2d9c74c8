"""manage.py turn_config: the configuration of coturn."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ucam.files import write_secret
from ucam.turn import Network, configuration, is_local


class Command(BaseCommand):
    """Printed, or written to a file with mode 0600."""

    help = (
        "Print the configuration of coturn for UCAM_TURN and UCAM_TURN_SECRET. Peers in private networks are refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which networks are served all the same, and where it goes."""
        parser.add_argument(
            "--local", action="append", default=[], metavar="NETWORK", help="for example 192.168.7.0/24"
        )
        parser.add_argument("--external-ip", default="", help="the relay's public address, when it is behind NAT")
        parser.add_argument("--output", default="", help="a file, for example /etc/turnserver.conf")

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuses what would open the relay."""
        if not settings.UCAM_TURN:
            raise CommandError("Set UCAM_TURN (turn:turn.example.com:3478) and UCAM_TURN_SECRET first.")
        text = configuration([network(one) for one in options["local"]], address(options["external_ip"]))
        if options["output"]:
            write_secret(Path(options["output"]), text)
            self.stdout.write(f"Written to {options['output']}. Restart coturn.")
        else:
            self.stdout.write(text, ending="")


def network(text: str) -> Network:
    """A part of a private network; raises CommandError."""
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        raise CommandError(f"--local must look like 192.168.7.0/24, not {text!r}.") from error
    if not is_local(found):
        raise CommandError(f"--local is for networks of your own (192.168.7.0/24, 10.0.0.0/8), not {text}.")
    return found


def address(text: str) -> str:
    """An address or nothing; raises CommandError."""
    try:
        return str(ipaddress.ip_address(text)) if text else ""
    except ValueError as error:
        raise CommandError(f"--external-ip must be an address, not {text!r}.") from error
