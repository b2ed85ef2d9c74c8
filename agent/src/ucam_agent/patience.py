"""How long nothing may be recorded before systemd starts the agent afresh: longer each time that was no help."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from .config import replace_file

# Other remedies come first: a new pipeline several times, then a new recorder; that takes about a minute.
FIRST_S, MOST_S = 120.0, 3600.0
DOUBLINGS_MAX = 8


class Patience:
    """Remembers over restarts in `file`, which is gone after a boot; without one each start is the first."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._in_vain = _read(file) if file else 0

    @property
    def s(self) -> float:
        """From this start on, until something is recorded."""
        return float(min(FIRST_S * 2**self._in_vain, MOST_S))

    def ran_out(self) -> None:
        """The agent is about to be started afresh."""
        if self._file:
            with suppress(OSError):  # then the next start is as patient as this one
                replace_file(self._file, json.dumps({"in_vain": self._in_vain + 1}), durable=False)

    def worked(self) -> None:
        """Something is being recorded."""
        if self._in_vain and self._file:
            self._in_vain = 0
            with suppress(OSError):
                self._file.unlink(missing_ok=True)


def _read(file: Path) -> int:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return max(0, min(DOUBLINGS_MAX, int(json.loads(file.read_text())["in_vain"])))
    return 0
