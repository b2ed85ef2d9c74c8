"""Back up database, secrets and settings into one file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from accounts.errors import UcamError
from ucam.backup import back_up


class Command(BaseCommand):
    """`manage.py backup [FILE]`."""

    help = (
        "Write database, secrets and settings into one file (mode 0600, NOT encrypted: whoever has it can act as this "
        "server). Footage is not in it. The server may run meanwhile. docs/operations.md shows how to encrypt it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument("file", nargs="?", help="default: ucam-DATE.tar.gz, here; - for standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """The name of the file, once it is whole and on disk."""
        now = timezone.now()
        try:
            if options["file"] == "-":
                back_up(sys.stdout.buffer, now)
            else:
                self.stdout.write(str(self.written(Path(options["file"] or f"ucam-{now:%Y%m%dT%H%M%SZ}.tar.gz"))))
        except UcamError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from error
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used ({error}). Look at DATABASE_URL.") from error
        except OSError as error:
            raise CommandError(
                f"The backup was not written: {error.filename or 'the file'}: {error.strerror}."
            ) from error

    def written(self, file: Path) -> Path:
        """A new file, durable; a failed one is removed. Raises FileExistsError."""
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            try:
                back_up(target, timezone.now())
                target.flush()
                os.fsync(target.fileno())
            except BaseException:
                file.unlink()
                raise
        return file
