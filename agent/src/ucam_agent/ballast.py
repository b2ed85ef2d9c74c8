"""Room on a disk that others have filled to the last byte, for what must be written before footage can make way."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
BYTES = 128 * 1024  # facts of chunks, gaps and folders have some 4 KiB each


class Ballast:
    """A file of nothing. Laid while there is room, thrown off when there is none."""

    def __init__(self, file: Path, size: int = BYTES) -> None:
        self._file, self._size = file, size
        self._laid = False

    def lay(self) -> None:
        """If it is not there. Not to have it is no trouble as long as there is room."""
        if self._laid:
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
                self._laid = True
            finally:
                os.close(descriptor)

    def throw_off(self) -> bool:
        """Its room is free now; False when there was none."""
        self._laid = False
        with contextlib.suppress(OSError):
            self._file.unlink()
            return True
        return False
