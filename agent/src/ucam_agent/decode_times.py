"""When each picture of an IP camera is to be decoded: RTP tells only when it is shown, which differs with B-frames.

GStreamer's h264timestamper would do, but the one of 1.22 misplaces the first pictures of a live stream.
"""

from __future__ import annotations

import bisect
import re

REORDERED = 2  # pictures that B-frames may wait for, pyramids included
_BASELINE = re.compile(r"\bprofile=\(string\)(constrained-)?baseline\b")


class DecodeTimes:
    """Turns times of display, in the order of decoding, into times of decoding: the same times, sorted."""

    def __init__(self, caps: str) -> None:
        """`caps` of the stream: the baseline profiles have no B-frames."""
        self._depth = 0 if _BASELINE.search(caps) else REORDERED
        self._waiting: list[int] = []
        self._last = -1

    def of(self, shown_ns: int, duration_ns: int) -> int:
        """The decode time of the next picture; always later than the one before."""
        if not self._waiting:
            self._waiting = [max(0, shown_ns - back * duration_ns) for back in range(self._depth, 0, -1)]
        bisect.insort(self._waiting, shown_ns)
        self._last = max(self._waiting.pop(0), self._last + 1)
        return self._last
