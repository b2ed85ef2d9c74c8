"""The recorder, which keeps every pipeline that it has closed: the control of the test of its memory."""

from __future__ import annotations

import sys
from typing import Any

from ucam_agent import recorder
from ucam_agent.gst import Pipeline

_close = Pipeline.close
_kept: list[Any] = []


def close_and_keep(self: Pipeline) -> None:
    """As if something still held it."""
    _kept.append(self._pipeline)
    _close(self)


if __name__ == "__main__":
    Pipeline.close = close_and_keep  # type: ignore[method-assign]
    sys.exit(recorder.main())
