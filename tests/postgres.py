"""A private PostgreSQL of one test run: made by Debian's programs in a temporary folder, reached by a unix socket."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ACCOUNT = "postgres"  # PostgreSQL refuses to run as root
NO_CARE = ("--locale=C.UTF-8", "--no-sync")
OPTIONS = ("-c", "fsync=off", "-c", "listen_addresses=", "-c", "shared_buffers=32MB")  # a test's data may be lost


def make_folder() -> Path:
    """Where the cluster will live; on /tmp, for a socket's path must be short."""
    folder = Path(tempfile.mkdtemp(prefix="ucam-pg-"))
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def url(folder: Path) -> str:
    """DATABASE_URL of the cluster."""
    return f"postgres://ucam@/{folder}/postgres"


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """The server runs within the block; afterwards the folder is gone."""
    data, log = str(folder / "data"), folder / "log"
    try:
        made = subprocess.run(
            [*as_account(), program("initdb"), "-D", data, "-A", "trust", "-U", "ucam", "-E", "UTF8", *NO_CARE],
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert made.returncode == 0, made.stderr
        with log.open("w") as errors:
            server = subprocess.Popen(
                [*as_account(), program("postgres"), "-D", data, "-k", str(folder), *OPTIONS], stderr=errors, cwd="/"
            )
        try:
            wait(folder, server, log)
            yield
        finally:
            # setpriv has become the server itself; a thread may still hold a session, which SIGTERM would wait for.
            server.send_signal(signal.SIGINT)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def program(name: str) -> str:
    """The newest of Debian's versions."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    assert found, "PostgreSQL is missing: run script/test, which installs it."
    return str(found[-1])


def as_account() -> list[str]:
    """What stands before a command line, so that it runs as somebody else than root."""
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam(ACCOUNT)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--"]


def wait(folder: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers."""
    deadline = time.monotonic() + 30
    command = [program("pg_isready"), "-q", "-h", str(folder)]
    while subprocess.run(command).returncode != 0:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
