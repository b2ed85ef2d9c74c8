"""The folder of sockets: UCAM_DATA/run, or a private one elsewhere when that path is too long for a unix socket."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

SOCKET_PATH_BYTES_MAX = 107  # sun_path of unix(7), less the final zero
LONGEST_NAME = "redis.sock"


class StartFailed(Exception):
    """The server cannot start; the message says why and what to do."""

    code = "start_failed"
    permanent = True


def run_folder(wanted: Path) -> Path:
    """A folder that only this user may enter, made if need be; raises StartFailed."""
    folder = fitting_folder(wanted)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StartFailed(f"The folder {folder} for sockets cannot be made ({error.strerror}).") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise StartFailed(f"{folder} must be a folder of this user alone. Remove it, or: chmod 700 {folder}")
    return folder


def fitting_folder(wanted: Path) -> Path:
    """`wanted`, or where its sockets go when the path is too long: below the user's runtime folder, else /tmp."""
    if len(os.fsencode(wanted / LONGEST_NAME)) <= SOCKET_PATH_BYTES_MAX:
        return wanted
    user = os.geteuid()
    runtime = Path(f"/run/user/{user}")
    base = runtime if runtime.is_dir() and os.access(runtime, os.W_OK) else Path("/tmp")  # noqa: S108 - made 0700, checked
    return base / f"ucam-{user}-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]}"
