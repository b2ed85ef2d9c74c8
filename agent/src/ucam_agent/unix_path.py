"""Addresses of unix sockets, however deep their folder lies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

SUN_PATH_MAX = 107  # bytes: `sun_path` of unix(7) without its last NUL


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """What to bind or connect to; a path too long for `sun_path` is reached through its directory's descriptor."""
    if len(os.fsencode(path)) <= SUN_PATH_MAX:
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
