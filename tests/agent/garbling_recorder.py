"""The recorder, with a muxer whose third fragment is none."""

from __future__ import annotations

import sys

from ucam_agent import recorder
from ucam_agent.writer import Writer

_muxed = Writer.muxed
_seen = 0


def garbled(self: Writer, content: bytes) -> None:
    """Its boxes are whole, and what they hold makes no sense."""
    global _seen
    _seen += content.count(b"moof")
    third, _seen = _seen == 3, _seen + (_seen == 3)
    _muxed(self, content.replace(b"traf", b"trax") if third else content)


if __name__ == "__main__":
    Writer.muxed = garbled  # type: ignore[method-assign]
    sys.exit(recorder.main())
