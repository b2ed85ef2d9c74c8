"""Make an installation of a backup again."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from accounts.errors import UcamError
from ucam.processes import Server
from ucam.restore import restore
from ucam.run_folder import StartFailed
from ucam.supervise import only_one

NEXT = """\
Restored: the backup of {made_at}, of {url}.
Next:
  1. Attach the disk with the footage, so that it is {media}.
     If it is lost: manage.py check_storage --adopt-disk --repair marks the new one as ours.
  2. manage.py check_storage --repair     builds the index of what was recorded after the backup
  3. start the server; its cameras come by themselves, without a new enrolment"""
ENVIRONMENT = "  The old server's variables are in {file}: take over what still holds, then delete it."


class Command(BaseCommand):
    """`manage.py restore FILE`."""

    help = "Restore database, secrets and settings from a backup, into an empty UCAM_DATA and database."

    def add_arguments(self, parser: CommandParser) -> None:
        """What from."""
        parser.add_argument("file", help="made by manage.py backup; - for standard input")
        parser.add_argument("--overwrite", action="store_true", help="although there is an installation here already")

    def handle(self, *args: Any, **options: Any) -> None:
        """What was restored and what is next."""
        try:
            server = Server.from_settings()
            lock = only_one(server)  # held until this process ends
            try:
                with self.opened(options["file"]) as source:
                    manifest, given = restore(source, timezone.now(), overwrite=options["overwrite"])
            finally:
                os.close(lock)
        except UcamError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from error
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used ({error}). Look at DATABASE_URL.") from error
        except StartFailed as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or 'The backup'}: {error.strerror}.") from error
        self.stdout.write(NEXT.format(made_at=manifest.made_at, url=manifest.url, media=server.media))
        if given:
            self.stdout.write(ENVIRONMENT.format(file=given))

    def opened(self, name: str) -> BinaryIO:
        """The backup, to be read once."""
        return sys.stdin.buffer if name == "-" else Path(name).open("rb")
