"""Log lines as JSON, one object a line, for programs that gather logs (UCAM_LOG=json)."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    """`{at, level, logger, message}`, and `error` with the traceback when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line: JSON has no line breaks of its own."""
        told = line_of(record.levelname, record.name, record.getMessage(), record.created)
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def line_of(level: str, logger: str, message: str, at_s: float) -> dict[str, str]:
    """The keys that every line has."""
    at = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"at": at, "level": level, "logger": logger, "message": message}


def print_json(process: str, line: str) -> None:
    """A line of a child's output with its `process`; what is no JSON object becomes the message of one."""
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        told = line_of("INFO", process, line, datetime.now(UTC).timestamp())
    with suppress(OSError):
        print(json.dumps({"process": process, **told}, ensure_ascii=False), flush=True)


def log_json_to_stderr() -> None:
    """The supervisor's own lines in the same shape."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
