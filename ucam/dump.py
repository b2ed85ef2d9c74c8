"""The database as one file and back: SQLite by its online backup, PostgreSQL by Debian's pg_dump and pg_restore."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from accounts.errors import UcamError

SQLITE, POSTGRES = "sqlite", "postgresql"
CONNECTION = {
    "HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "NAME": "PGDATABASE",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
}  # fmt: skip


class DumpFailed(UcamError):
    """The database could not be written to a file, or read from one."""

    code = "dump_failed"
    message = "The database could not be copied."


def kind() -> str:
    """sqlite or postgresql; a dump of one is of no use to the other."""
    return connection.vendor


def is_empty() -> bool:
    """Whether this database has no table yet, so that nothing can be overwritten in it."""
    return not connection.introspection.table_names()


def migrations() -> list[str]:
    """All that were applied here: `cameras.0001_initial` and so on."""
    return sorted(".".join(key) for key in MigrationRecorder(connection).applied_migrations())


def dump(file: Path) -> None:
    """The whole database as it is at one moment, while others go on writing; raises DumpFailed."""
    if kind() == SQLITE:
        _copy_sqlite(Path(connection.settings_dict["NAME"]), file)
    else:
        _run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={file}"])


def load(file: Path) -> None:
    """Replace this database by a dump; nobody else may use it meanwhile. Raises DumpFailed."""
    connection.close()
    if kind() == SQLITE:
        target = Path(connection.settings_dict["NAME"])
        for name in (target, *(Path(f"{target}{end}") for end in ("-wal", "-shm"))):
            name.unlink(missing_ok=True)
        _copy_sqlite(file, target)
        target.chmod(0o600)
    else:
        options = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction"]
        _run("pg_restore", [*options, f"--dbname={_environment()['PGDATABASE']}", str(file)])


def _copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's own backup: whole and consistent, what is still in the WAL included; then on disk for good."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as one:
            with contextlib.closing(sqlite3.connect(target)) as other:
                one.backup(other)
            if one.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise DumpFailed(f"The database {source} is damaged.", hint="Take an older backup.")
    except sqlite3.Error as error:
        raise DumpFailed(f"The database {source} could not be copied ({error}).") from error
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _environment() -> Mapping[str, str]:
    """How PostgreSQL's programs find the server: no password on a command line, where others could read it."""
    settings = connection.settings_dict
    given = settings | {key: settings["OPTIONS"].get(key) for key in ("sslmode", "sslrootcert")}
    return {variable: str(given[key]) for key, variable in CONNECTION.items() if given.get(key)}


def _run(name: str, options: list[str]) -> None:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise DumpFailed(f"{name} is not installed here.", hint="apt-get install postgresql-client")
    done = subprocess.run([program, *options], env={**os.environ, **_environment()}, capture_output=True, text=True)  # noqa: S603 - argv made by us
    if done.returncode:
        raise DumpFailed(
            f"{name} failed: {done.stderr.strip() or 'without a word'}", hint="Look at DATABASE_URL and at its server."
        )
