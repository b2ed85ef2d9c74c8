"""The recorder, with a source that falls silent on SIGUSR1 as a camera does whose cable is loose, and an encoder that
lets nothing out any more after SIGUSR2.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

from ucam_agent import recorder
from ucam_agent.capture import Capture
from ucam_agent.gst import Gst


class StallingCapture(Capture):
    """Remembers the newest one."""

    newest: StallingCapture

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        StallingCapture.newest = self

    def fall_silent(self) -> None:
        assert self._footage
        self._footage._pipeline.set_state(Gst.State.PAUSED)

    def jam(self) -> None:
        pad = self._encoding._element("encoder").get_static_pad("src")
        pad.add_probe(Gst.PadProbeType.BLOCK_DOWNSTREAM, lambda _pad, _info: Gst.PadProbeReturn.OK)


def on_signal(number: int, _frame: FrameType | None) -> None:
    if number == signal.SIGUSR1:
        StallingCapture.newest.fall_silent()
    else:
        StallingCapture.newest.jam()


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, on_signal)
    signal.signal(signal.SIGUSR2, on_signal)
    recorder.Capture = StallingCapture  # type: ignore[misc]
    sys.exit(recorder.main())
