"""A program whose output is read by a pipeline: started from an argv, never through a shell, ended with the capture."""

from __future__ import annotations

import os
import subprocess
import tempfile

from ucam_sentences import say, together

from .errors import AgentError

END_S = 2.0
WORDS_MAX = 200


class ProgramFailed(AgentError):
    """The program cannot be started."""

    code = "program_failed"
    permanent = False


class Child:
    """Runs from construction to `close`, which may be called twice. Its complaints are kept for `failure`."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        self._name = os.path.basename(argv[0])
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        try:
            self._process = subprocess.Popen(  # noqa: S603 - argv made by us
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._complaints
            )
        except OSError as error:
            self._complaints.close()
            raise ProgramFailed(
                say(
                    "{program} cannot be started ({reason}). Install it or mend its path.",
                    program=argv[0],
                    reason=error.strerror,
                )
            ) from error

    @property
    def descriptor(self) -> int:
        """Where its output is read."""
        assert self._process.stdout
        return self._process.stdout.fileno()

    def failure(self) -> str:
        """Why it ended by itself, empty while it runs."""
        code = self._process.poll()
        if code is None or self._complaints.closed:
            return ""
        size = self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, size - WORDS_MAX))
        last = self._complaints.read().decode(errors="replace").strip().splitlines()[-1:]
        ended = say("{program} ended ({code}). Check the camera's cable.", program=self._name, code=code)
        return together(ended, say("It said: {told}", told=last[0])) if last else ended

    def end(self) -> None:
        """Tells it to end: a pipeline that reads from it sees the end of its output."""
        if self._process.poll() is None:
            self._process.terminate()

    def close(self) -> None:
        """Sees to it that it has ended."""
        self.end()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_S)
        if self._process.stdout:
            self._process.stdout.close()
        self._complaints.close()
