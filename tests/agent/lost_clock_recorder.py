"""The recorder on a device whose clock is three weeks behind and was set by nobody: a Pi that has just woken."""

from __future__ import annotations

import sys
import time

from ucam_agent import recorder, wallclock

BEHIND_NS = 21 * 24 * 3600 * 10**9

if __name__ == "__main__":
    _time_ns = time.time_ns
    time.time_ns = lambda: _time_ns() - BEHIND_NS
    wallclock.kernel_state = lambda: "unsynchronised"
    sys.exit(recorder.main())
