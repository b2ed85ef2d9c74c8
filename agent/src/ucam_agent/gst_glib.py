"""The GLib thread of the live process, and how its elements are made. Gst objects are touched on that thread only."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from . import gst
from .errors import GstMissing
from .gst import GLib, Gst, Hop

try:
    import gi

    for _name in ("GstApp", "GstSdp", "GstWebRTC"):
        gi.require_version(_name, "1.0")
    from gi.repository import GstApp, GstSdp, GstWebRTC
except (ImportError, ValueError) as error:
    raise GstMissing(
        "GStreamer's WebRTC bindings are missing. Install them: sudo apt install gir1.2-gst-plugins-base-1.0 "
        "gir1.2-gst-plugins-bad-1.0 gstreamer1.0-plugins-bad gstreamer1.0-nice"
    ) from error

__all__ = ["GLib", "Gst", "GstApp", "GstSdp", "GstWebRTC", "glib", "make"]

_Result = TypeVar("_Result")

gst.start()


class _GlibThread:
    """The one GLib main loop, in a thread of its own."""

    def __init__(self) -> None:
        self._loop, self._hop = GLib.MainLoop(), Hop()
        threading.Thread(target=self._loop.run, name="glib", daemon=True).start()

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """Call `function` there soon; calls keep their order."""
        self._hop.post(lambda: function(*args))

    async def run(self, function: Callable[..., _Result], *args: Any) -> _Result:
        """Call `function` there and wait for what it returns or raises."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[_Result] = loop.create_future()

        def call() -> None:
            try:
                value = function(*args)
            except Exception as error:
                loop.call_soon_threadsafe(_settle, result, None, error)
            else:
                loop.call_soon_threadsafe(_settle, result, value, None)

        self._hop.post(call)
        return await result


def _settle(result: asyncio.Future[Any], value: Any, error: Exception | None) -> None:
    if result.cancelled():
        return
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)


_glib: _GlibThread | None = None


def glib() -> _GlibThread:
    """The GLib thread, started when first asked for."""
    global _glib
    if _glib is None:
        _glib = _GlibThread()
    return _glib


def make(factory: str, **properties: Any) -> Gst.Element:
    """An element with its properties set one by one; `_` in a name stands for `-`."""
    element = Gst.ElementFactory.make(factory)
    if element is None:
        raise GstMissing(f"GStreamer's element {factory} is missing; `ucam-agent doctor` says which package has it.")
    for name, value in properties.items():
        element.set_property(name.replace("_", "-"), value)
    return element
