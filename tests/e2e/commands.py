"""`manage.py` for whoever asks often: one process that has loaded Django, which forks for each command.

A start of Django takes a second or two of a processor, the command itself some hundredths.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

import manage

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 30.0


class Done(NamedTuple):
    """How a command ended and what it said."""

    code: int
    output: str
    errors: str


class Commands:
    """Of one installation, by the environment. `close` may be called twice."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.commands"],
            cwd=ROOT, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str) -> Done:
        """As `manage.py WORDS` does."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """It ends with its input."""
        for end in (self._process.stdin, self._process.stdout):
            if end and not end.closed:
                end.close()
        self._process.wait(STOP_S)


def main() -> None:
    """Run as `python -m tests.e2e.commands`: a JSON list of words a line, a JSON list of `Done` a line back."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucam.settings")
    import django

    django.setup()
    for line in sys.stdin:
        print(json.dumps(forked(json.loads(line))), flush=True)


def forked(words: list[str]) -> Done:
    """What the command said went into files: a child of its own might hold a pipe open."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = os.fork()
        if not child:
            for number, file in ((1, output), (2, errors)):
                os.dup2(file.fileno(), number)
            command(words)
        _, status = os.waitpid(child, 0)
        said = []
        for file in (output, errors):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
        return Done(os.waitstatus_to_exitcode(status), *said)


def command(words: list[str]) -> NoReturn:
    """In the fork: this process becomes `manage.py WORDS`."""
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = ["manage.py", *words]
        manage.main()
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
