"""The recorder on a board with a fake camera, as `fake.json` in its state directory says.

SIGUSR1: the camera falls silent. SIGUSR2: it is unplugged for two seconds.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from ucam_agent import recorder
from ucam_agent.camera import Board
from ucam_agent.discovery import CsiCamera, Found, UsbCamera
from ucam_agent.fake.gst_camera import FakeCamera, take_place_of
from ucam_agent.sources import Mode

ABSENT_S = 2.0
USB = "usb-046d_HD_Pro_Webcam_C920_82F-video-index0"


def board(fake: dict[str, str], real: Board) -> Board:
    if fake.get("rpicam"):
        return replace(real, libcamera=False, rpicam=fake["rpicam"])
    take_place_of(fake["factory"], gives=fake["gives"], sizes=((320, 240), (640, 480)))
    if fake["factory"] == "libcamerasrc":
        return replace(real, libcamera=True, discover=lambda: Found((CsiCamera("/base/i2c@1/imx219@10", "imx219"),)))
    modes = tuple(Mode(fake["gives"], width, height, 12) for width, height in FakeCamera.sizes)
    return replace(real, discover=lambda: Found(v4l2=(UsbCamera(USB, "HD Pro Webcam C920", modes),)))


if __name__ == "__main__":
    state = Path(sys.argv[sys.argv.index("--state") + 1])
    fake = json.loads((state / "fake.json").read_text())
    looked = board(fake, recorder.look_at_board())
    recorder.look_at_board = lambda: looked
    FakeCamera.hangs = bool(fake.get("hangs"))
    signal.signal(signal.SIGUSR1, lambda _number, _frame: FakeCamera.newest.fall_silent())
    signal.signal(signal.SIGUSR2, lambda _number, _frame: FakeCamera.newest.unplug(ABSENT_S))
    sys.exit(recorder.main())
