"""The small stream: the recorder's frames decoded, made smaller and encoded again, only while somebody asks for it.

It lives in the live process, at the end of the kernel's queue: the recorder neither knows nor feels it, whatever the
source is, and when the processor cannot do it in time it is given up.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .errors import AgentError
from .frames import Frame, Stream
from .gst_glib import Gst, GstApp, glib, make
from .ice import profile_level_id

log = logging.getLogger(__name__)

WIDTH, FPS, KBIT = 640, 15, 300
KEYFRAME_FRAMES = 2 * FPS
NICENESS = 10
BEHIND_FRAMES = 45  # waiting to be decoded: more than a second, so this device cannot do it
DECODERS, ENCODERS = ("avdec_h264", "openh264dec"), ("x264enc", "openh264enc")
UNITS = "video/x-h264,stream-format=byte-stream,alignment=au"
FIRST_WITHIN_S = 8.0


class SmallImpossible(AgentError):
    """This device cannot make a small stream."""

    code = "small_impossible"


def needed(stream: Stream) -> bool:
    """Whether a stream is larger than a small one would be."""
    return stream.width > WIDTH


class Small:
    """One decoder and one encoder, from `open` to `close`; `on_frame` and `gave_up` are called on the event loop."""

    def __init__(
        self,
        stream: Stream,
        on_frame: Callable[[Frame], None],
        ask_keyframe: Callable[[], None],
        gave_up: Callable[[], None],
    ) -> None:
        """Raises SmallImpossible when elements are missing."""
        self.source = stream
        self.stream: Stream | None = None
        self.profile = ""
        self._on_frame, self._ask_keyframe, self._gave_up = on_frame, ask_keyframe, gave_up
        self._loop = asyncio.get_running_loop()
        self._first = asyncio.Event()
        self._gated = True
        self._count = 0
        self._base_ns = 0
        self._closed = False
        self._told = 0
        self._decoder, self._encoder = _have(DECODERS), _have(ENCODERS)
        self._pipeline = Gst.Pipeline.new("small")

    async def open(self) -> None:
        """Returns with the first frame; raises TimeoutError when none comes."""
        await glib().run(self._start)
        self._ask_keyframe()
        async with asyncio.timeout(FIRST_WITHIN_S):
            await self._first.wait()

    async def close(self) -> None:
        """May be called twice."""
        self._closed = True
        await glib().run(self._end)

    def push(self, frame: Frame) -> None:
        """A frame of the recorder, from a keyframe on."""
        if self._closed or frame.at_ns < self._base_ns or not self._base_ns or (self._gated and not frame.keyframe):
            return
        self._gated = False
        if self._appsrc.get_property("current-level-buffers") > BEHIND_FRAMES:
            self._closed = True
            log.warning("This device cannot make the small stream in time; viewers get the large one.")
            self._gave_up()
            return
        buffer = Gst.Buffer.new_wrapped(frame.data)
        buffer.pts = frame.at_ns - self._base_ns
        if not frame.keyframe:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        self._appsrc.emit("push-buffer", buffer)

    def want_keyframe(self) -> None:
        """The next small frame becomes a keyframe."""
        structure = Gst.Structure.new_from_string("GstForceKeyUnit, all-headers=(boolean)true, count=(uint)0")
        event = Gst.Event.new_custom(Gst.EventType.CUSTOM_UPSTREAM, structure)
        glib().post(lambda: self._closed or self._sink.get_static_pad("sink").push_event(event))

    # ------------------------------------------------------------ GLib thread

    def _start(self) -> None:
        self._appsrc = make("appsrc", is_live=True, format=Gst.Format.TIME, block=False, max_bytes=0)
        self._appsrc.set_property("max-buffers", 2 * BEHIND_FRAMES)
        self._appsrc.set_property("leaky-type", GstApp.AppLeakyType.DOWNSTREAM)
        self._appsrc.set_property("caps", Gst.Caps.from_string(self.source.caps))
        self._sink = make("appsink", sync=False, emit_signals=True, enable_last_sample=False)
        width = WIDTH
        height = max(2, round(self.source.height * width / self.source.width / 2) * 2)
        rate = min(FPS, self.source.fps)
        raw = f"video/x-raw,format=I420,width={width},height={height},pixel-aspect-ratio=1/1"
        line = [
            self._appsrc,
            make("h264parse"),
            make(self._decoder, **({"max_threads": 1} if self._decoder == "avdec_h264" else {})),
            make("videorate", drop_only=True, max_rate=rate),
            make("videoscale"),
            make("videoconvert"),
            make("capsfilter", caps=Gst.Caps.from_string(raw)),
            _encoder(self._encoder),
            make("capsfilter", caps=Gst.Caps.from_string(f"{UNITS},profile=constrained-baseline")),
            make("h264parse", config_interval=-1),
            make("capsfilter", caps=Gst.Caps.from_string(UNITS)),
            self._sink,
        ]
        for element in line:
            self._pipeline.add(element)
        for one, other in pairwise(line):
            one.link(other)
        self._size = width, height, rate
        self._told = self._sink.connect("new-sample", self._on_sample)
        self._pipeline.get_bus().set_sync_handler(_on_message, None)
        clock = Gst.SystemClock.obtain()
        self._pipeline.use_clock(clock)
        self._pipeline.set_start_time(Gst.CLOCK_TIME_NONE)
        base_ns = clock.get_time()
        self._pipeline.set_base_time(base_ns)
        self._pipeline.set_state(Gst.State.PLAYING)
        self._base_ns = base_ns

    def _end(self) -> None:
        self._pipeline.set_state(Gst.State.NULL)
        self._pipeline.get_bus().set_sync_handler(None, None)
        if self._told:
            # The sink holds its callback, and that holds us: Python's collector cannot see that ring.
            self._sink.disconnect(self._told)
            self._told = 0

    # ------------------------------------------------------------ streaming thread

    def _on_sample(self, sink: Any) -> Any:
        sample = sink.emit("pull-sample")
        buffer = sample.get_buffer()
        keyframe = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
        self._count += 1
        at_ns = self._base_ns + sample.get_segment().to_running_time(Gst.Format.TIME, buffer.pts)
        frame = Frame(bytes(buffer.extract_dup(0, buffer.get_size())), keyframe, self._count, at_ns)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, frame, sample.get_caps().to_string())
        return Gst.FlowReturn.OK

    def _take(self, frame: Frame, caps: str) -> None:
        """On the event loop."""
        if self.stream is None:
            self.profile = profile_level_id(frame.data)
            self.stream = Stream(caps, *self._size, self.source.sound)
            self._first.set()
        if not self._closed:
            self._on_frame(frame)


def _have(factories: tuple[str, ...]) -> str:
    """The first of these that is installed."""
    found = next((name for name in factories if Gst.ElementFactory.find(name) is not None), "")
    if not found:
        raise SmallImpossible(
            f"None of {', '.join(factories)} is installed, so there is no small stream. "
            "Install them: sudo apt install gstreamer1.0-libav gstreamer1.0-plugins-ugly"
        )
    return found


def _encoder(factory: str) -> Gst.Element:
    if factory == "openh264enc":
        return make("openh264enc", bitrate=KBIT * 1000, gop_size=KEYFRAME_FRAMES)
    encoder = make("x264enc", bitrate=KBIT, key_int_max=KEYFRAME_FRAMES, bframes=0, threads=1, byte_stream=True)
    for name, word in (("tune", "zerolatency"), ("speed-preset", "ultrafast")):
        Gst.util_set_object_arg(encoder, name, word)
    return encoder


def _on_message(_bus: Gst.Bus, message: Gst.Message, _data: object) -> Gst.BusSyncReply:
    """In the thread that speaks: each streaming thread puts itself behind everything else as it begins."""
    if message.type == Gst.MessageType.STREAM_STATUS and message.parse_stream_status()[0] == Gst.StreamStatusType.ENTER:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)  # on Linux: of this thread
    if message.type == Gst.MessageType.ERROR:
        log.warning("The small stream: %s", message.parse_error()[0].message)
    return Gst.BusSyncReply.DROP
