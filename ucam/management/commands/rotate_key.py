"""manage.py rotate_key: a new signing key, without signing anybody out."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ucam.files import write_secret

OLDER_MAX = 2


class Command(BaseCommand):
    """The new key signs from the next start on; the older ones stay good until `--forget-older`."""

    help = "Make a new signing key. Nobody is signed out; with --forget-older what older keys signed ends."

    def add_arguments(self, parser: CommandParser) -> None:
        """One switch."""
        parser.add_argument("--forget-older", action="store_true", help="only the newest key stays good")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rewrite the key file, whole or not at all."""
        file: Path = settings.UCAM_SECRET_KEY_FILE
        if not file.exists() or settings.SECRET_KEY not in file.read_text().split():
            raise CommandError(
                "The key comes from UCAM_SECRET_KEY: set a new one there, and the old one in UCAM_SECRET_KEY_FALLBACKS."
            )
        keys = file.read_text().split()
        keys = keys[:1] if options["forget_older"] else [secrets.token_urlsafe(64), *keys][: 1 + OLDER_MAX]
        write_secret(file, "\n".join(keys) + "\n")
        done = "Older keys are forgotten" if options["forget_older"] else "There is a new key"
        self.stdout.write(f"{done}. Restart the server: from then on it counts.")
