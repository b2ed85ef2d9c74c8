"""Live pictures by webrtcbin: one small pipeline, `appsrc ! tee`, one branch a viewer. Imported when the first calls.

Gst objects are touched on the GLib thread only (but for pushing frames); what they say hops to the event loop once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .frames import Frame, Samples, Stream
from .gst_branch import QUEUE_FRAMES, Branch, Viewer
from .gst_glib import Gst, GstApp, glib, make
from .ice import IceUrls

log = logging.getLogger(__name__)

FACTORIES = (
    "appsrc",
    "tee",
    "queue",
    "rtph264pay",
    "capsfilter",
    "webrtcbin",
    "rtpbin",
    "nicesrc",
    "dtlsenc",
    "srtpenc",
)
SOUND_KBIT = 32
SOUND_QUEUE = 25  # half a second


def warm() -> None:
    """Loads what the first viewer would have to wait for. Opens no socket and starts no thread but GLib's."""
    for factory in FACTORIES:
        feature = Gst.ElementFactory.find(factory)
        if feature is not None:
            feature.load()
    # The first of these makes the key pair that all sessions of this process use: half a second, seconds on a Pi Zero.
    Gst.ElementFactory.make("dtlsdec")
    glib()


def _on_error(_bus: Gst.Bus, message: Gst.Message) -> None:
    """One viewer's trouble, mostly; its session ends by its state or by silence."""
    error, debug = message.parse_error()
    log.warning("Live pictures: %s: %s", message.src.get_name(), error.message)
    log.debug("%s", debug)


def _sound(caps: str) -> tuple[Gst.Element, ...]:
    """`appsrc ! opusenc ! tee`: encoded once for all."""
    source = make("appsrc", is_live=True, format=Gst.Format.TIME, block=False, max_bytes=0)
    source.set_property("max-buffers", SOUND_QUEUE)
    source.set_property("leaky-type", GstApp.AppLeakyType.DOWNSTREAM)
    source.set_property("caps", Gst.Caps.from_string(caps))
    encoder = make("opusenc", bitrate=SOUND_KBIT * 1000, inband_fec=True, packet_loss_percentage=5)
    return source, encoder, make("tee", allow_not_linked=True)


class Fanout:
    """The pipeline that exists only while somebody watches: frames in at one end, one branch out for each viewer."""

    def __init__(self, stream: Stream, profile: str, ask_keyframe: Callable[[], None]) -> None:
        self.stream, self.profile = stream, profile
        self._ask_keyframe = ask_keyframe
        self._loop = asyncio.get_running_loop()
        self._branches: set[Branch] = set()
        self._clock = Gst.SystemClock.obtain()
        self._source = make("appsrc", is_live=True, format=Gst.Format.TIME, block=False, max_bytes=0)
        self._source.set_property("max-buffers", QUEUE_FRAMES)
        self._source.set_property("leaky-type", GstApp.AppLeakyType.DOWNSTREAM)
        self._source.set_property("caps", Gst.Caps.from_string(stream.caps))
        self.tee = make("tee", allow_not_linked=True)
        self.sound_tee: Gst.Element | None = None
        self._sound: tuple[Gst.Element, ...] = ()
        if stream.sound:
            self._sound = _sound(stream.sound)
            self.sound_tee = self._sound[-1]
        self.pipeline = Gst.Pipeline.new("live")
        self._base_ns = 0
        self._upstream = self._errors = 0

    async def open(self) -> None:
        await glib().run(self._start)

    def _start(self) -> None:
        for line in ((self._source, self.tee), self._sound):
            for element in line:
                self.pipeline.add(element)
            for one, other in pairwise(line):
                one.link(other)
        self._upstream = self._pad().add_probe(Gst.PadProbeType.EVENT_UPSTREAM, self._on_upstream)
        # A bus that nobody reads keeps its messages, and each of them its element with sockets and threads.
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        self._errors = bus.connect("message::error", _on_error)
        self.pipeline.use_clock(self._clock)
        self.pipeline.set_start_time(Gst.CLOCK_TIME_NONE)
        self._base_ns = self._clock.get_time()
        self.pipeline.set_base_time(self._base_ns)
        self.pipeline.set_state(Gst.State.PLAYING)

    def push(self, frame: Frame) -> None:
        """Give one frame to all branches; never waits."""
        if frame.at_ns < self._base_ns:
            return
        buffer = Gst.Buffer.new_wrapped(frame.data)
        buffer.pts = frame.at_ns - self._base_ns
        if not frame.keyframe:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        self._source.emit("push-buffer", buffer)

    def push_sound(self, samples: Samples) -> None:
        """Give some sound to the branches that have it; never waits."""
        if self._sound and samples.at_ns >= self._base_ns:
            buffer = Gst.Buffer.new_wrapped(samples.data)
            buffer.pts = samples.at_ns - self._base_ns
            self._sound[0].emit("push-buffer", buffer)

    def want_keyframe(self) -> None:
        """From any thread."""
        self.tell(self._ask_keyframe)

    def tell(self, function: Callable[..., None], *args: Any) -> None:
        """Call a function on the event loop, from any thread; not after the loop has ended."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    async def add(self, viewer: Viewer, ice: IceUrls, *, sound: bool = False) -> Branch:
        """A branch for one viewer, with sound when that is wanted and there; its offer follows."""
        branch = await glib().run(lambda: Branch(self, viewer, ice, sound=sound))
        self._branches.add(branch)
        return branch

    async def remove(self, branch: Branch) -> None:
        """Take a branch out; returns when it is gone. May be called twice."""
        await glib().run(branch.remove)
        await branch.gone.wait()
        self._branches.discard(branch)

    async def close(self) -> None:
        """End the pipeline; its branches first."""
        for branch in list(self._branches):
            await self.remove(branch)
        await glib().run(self._end)

    async def beat(self) -> None:
        """Returns when the GLib thread has come round."""
        await glib().run(lambda: None)

    def _pad(self) -> Gst.Pad:
        return self._source.get_static_pad("src")

    def _end(self) -> None:
        self.pipeline.set_state(Gst.State.NULL)
        if self._upstream:
            self._pad().remove_probe(self._upstream)
            self._upstream = 0
            bus = self.pipeline.get_bus()
            bus.disconnect(self._errors)
            bus.remove_signal_watch()

    def _on_upstream(self, _pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        """A viewer that lost packets asks for a keyframe (PLI, FIR): it goes to the recorder, not to appsrc."""
        event = info.get_event()
        if event.type == Gst.EventType.CUSTOM_UPSTREAM and event.has_name("GstForceKeyUnit"):
            self.want_keyframe()
            return Gst.PadProbeReturn.DROP
        return Gst.PadProbeReturn.OK
