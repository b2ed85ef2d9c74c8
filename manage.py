#!/usr/bin/env python3
"""Django's command line, with ucam's settings."""

import os
import sys


def main() -> None:
    """Run one command; when Django is missing, say how to get it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucam.settings")
    try:
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
        from django.db import OperationalError, ProgrammingError
    except ImportError:
        sys.exit("Django is not installed here. Run script/server once, then use .venv/bin/python manage.py.")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"ucam cannot start. {error}")
    except (OperationalError, ProgrammingError) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(
            f"The database cannot be used ({str(error).strip()}). The server's first start makes its tables: "
            "wait until it runs. Else look at DATABASE_URL and at the disk that it is on."
        )


if __name__ == "__main__":
    main()
