"""Before the server's processes start: checks the settings, brings the database and static files up to date."""

from __future__ import annotations

import logging
import os
import sys
from io import StringIO


def main() -> None:
    """Run as `python -m ucam.prepare`; exits with a sentence when something is wrong."""
    import django
    from django.core.management import CommandError, call_command
    from django.core.management.base import SystemCheckError
    from django.db import DatabaseError, connection

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucam.settings")
    django.setup()
    logging.getLogger().setLevel(logging.WARNING)
    from accounts.seal import seal

    try:
        call_command("check", stdout=StringIO())  # its warnings go to stderr
        call_command("migrate", interactive=False, verbosity=0)
        seal(connection)
        call_command("collectstatic", interactive=False, verbosity=0)
        from cameras.notices.push import private_key

        private_key()
    except SystemCheckError as error:
        sys.exit(str(error))
    except DatabaseError as error:
        sys.exit(f"The database cannot be used ({error}). Look at DATABASE_URL and at the disk that it is on.")
    except (CommandError, OSError) as error:
        sys.exit(f"The server cannot start: {error}")


if __name__ == "__main__":
    main()
