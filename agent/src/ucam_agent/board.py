"""What this device has: asked of GStreamer, of the kernel and of the path."""

from __future__ import annotations

from . import camera, encoders, gst
from .camera import Board


def look_at_board() -> Board:
    """This device, with the agent's own footage."""
    return Board(
        encoders=gst.installed(*encoders.ORDER),
        model=camera.model(),
        libcamera=bool(gst.installed("libcamerasrc")),
        rpicam=camera.rpicam(),
    )
