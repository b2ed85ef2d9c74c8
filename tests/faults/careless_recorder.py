"""A recorder that keeps fragments in memory before it writes them: the control of the campaign that kills recorders."""

from __future__ import annotations

import sys
from typing import Any

from ucam_agent import recorder
from ucam_agent.chunk import OpenChunk

KEPT = 6
_append = OpenChunk.append
_kept: list[tuple[bytes, Any]] = []


def append_late(self: OpenChunk, content: bytes, fragment: Any) -> int:
    """Says at once that it is written."""
    _kept.append((content, fragment))
    if len(_kept) >= KEPT:
        for one in _kept:
            _append(self, *one)
        _kept.clear()
    return self.size


if __name__ == "__main__":
    OpenChunk.append = append_late  # type: ignore[method-assign]
    sys.exit(recorder.main())
