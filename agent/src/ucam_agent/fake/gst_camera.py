"""A camera that behaves: it gives pictures, falls silent, is unplugged, comes back, lacks sizes.

It takes the place of GStreamer's `libcamerasrc` or `v4l2src` in this process, with their properties and kinds of error.
"""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import Any, ClassVar

from gi.repository import GLib, GObject

from ..gst import Gst, start

GIVES = {
    "raw": (),
    "mjpeg": ("jpegenc",),
    "h264": ("x264enc", "h264parse"),
}
FAILED = Gst.StateChangeReturn.FAILURE


class FakeCamera(Gst.Bin):
    """The newest one is what `fall_silent` and `unplug` act on."""

    __gstmetadata__ = ("Fake camera", "Source/Video", "Behaves like a camera", "ucam")
    start()
    __gsttemplates__ = Gst.PadTemplate.new("src", Gst.PadDirection.SRC, Gst.PadPresence.ALWAYS, Gst.Caps.new_any())
    gives: ClassVar[str] = "raw"
    sizes: ClassVar[tuple[tuple[int, int], ...]] = ((320, 240),)
    newest: ClassVar[FakeCamera]
    absent_until: ClassVar[float] = 0.0
    hangs: ClassVar[bool] = False

    device = GObject.Property(type=str, default="")
    camera_name = GObject.Property(type=str, default="")

    def __init__(self) -> None:
        super().__init__()
        FakeCamera.newest = self
        self._silent = False
        made = [Gst.ElementFactory.make(name) for name in ("videotestsrc", "capsfilter", *GIVES[self.gives])]
        made[0].set_property("is-live", True)
        self._size = made[1]
        if self.gives == "h264":
            Gst.util_set_object_arg(made[2], "tune", "zerolatency")
            made[2].set_property("key-int-max", 6)
        for element in made:
            self.add(element)
        for one, two in pairwise(made):
            one.link(two)
        pad = Gst.GhostPad.new_from_template("src", made[-1].get_static_pad("src"), self.get_pad_template("src"))
        pad.add_probe(Gst.PadProbeType.BUFFER, self._passed)
        self.add_pad(pad)

    def do_change_state(self, change: Any) -> Any:
        """An absent camera cannot be opened, one whose driver hangs cannot be closed."""
        if change == Gst.StateChange.PAUSED_TO_READY and self._silent and FakeCamera.hangs:
            threading.Event().wait()
        if change == Gst.StateChange.NULL_TO_READY and time.monotonic() < FakeCamera.absent_until:
            self._complain(Gst.ResourceError.NOT_FOUND, "Cannot identify device.")
            return FAILED
        if change == Gst.StateChange.NULL_TO_READY:
            # As with a real one, nobody knows what it gives before it is opened.
            sizes = (f"video/x-raw,format={{I420,NV12}},width={width},height={height}" for width, height in self.sizes)
            self._size.set_property("caps", Gst.Caps.from_string(";".join(sizes)))
        return Gst.Bin.do_change_state(self, change)

    def fall_silent(self) -> None:
        """As with a loose cable: no picture, no error."""
        self._silent = True

    def unplug(self, seconds: float) -> None:
        """An error now, and no camera for so long."""
        FakeCamera.absent_until = time.monotonic() + seconds
        self._silent = True
        self._complain(Gst.ResourceError.READ, "Could not read from resource.")

    def _passed(self, _pad: Any, _probe: Any) -> Any:
        return Gst.PadProbeReturn.DROP if self._silent else Gst.PadProbeReturn.OK

    def _complain(self, code: Any, words: str) -> None:
        error = GLib.Error.new_literal(Gst.ResourceError.quark(), words, code)
        self.post_message(Gst.Message.new_error(self, error, "fake camera"))


def take_place_of(factory: str, *, gives: str, sizes: tuple[tuple[int, int], ...]) -> type[FakeCamera]:
    """From now on this process has a fake camera where GStreamer's element of this name would be."""
    FakeCamera.gives, FakeCamera.sizes = gives, sizes
    Gst.Element.register(None, factory, Gst.Rank.NONE, FakeCamera)
    return FakeCamera
