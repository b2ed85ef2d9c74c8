"""The recorder's only door to gi: pipelines from descriptions, GLib's main loop. Each function names its thread."""

from __future__ import annotations

import logging
import os
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .description import Description, Element, Link, Value
from .errors import AgentError, GstMissing
from .packages import package_of

try:
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import GLib, Gst
except (ImportError, ValueError) as error:
    raise GstMissing(
        "GStreamer's Python bindings are missing. Install them (sudo apt install python3-gi python3-gst-1.0) and use a "
        "venv made by /usr/bin/python3 -m venv --system-site-packages."
    ) from error

log = logging.getLogger(__name__)

SECOND = 1_000_000_000
NONE = 2**64 - 1  # GST_CLOCK_TIME_NONE


@dataclass(frozen=True, slots=True)
class Fault:
    """What broke a pipeline: the element of its description, GStreamer's kind (`resource.not-found`) and words."""

    element: str
    kind: str
    words: str


class PipelineFailed(AgentError):
    """A pipeline could not start or broke; the text is GStreamer's own behind ours."""

    code = "pipeline_failed"
    permanent = False

    def __init__(self, message: str, fault: Fault | None = None) -> None:
        super().__init__(message)
        self.fault = fault


def start() -> None:
    """Initialises GStreamer; may be called twice."""
    if not Gst.is_initialized():
        Gst.init(None)


def installed(*factories: str) -> tuple[str, ...]:
    """Those of these elements that this device has."""
    start()
    return tuple(factory for factory in factories if Gst.ElementFactory.find(factory) is not None)


def libcamera_names() -> list[str]:
    """The cameras that GStreamer's libcamera plugin lists, by libcamera's names. May hang with a driver."""
    start()
    monitor = Gst.DeviceMonitor.new()
    monitor.add_filter("Source/Video", None)
    monitor.start()
    devices = [(device.get_display_name(), device.create_element(None)) for device in monitor.get_devices() or ()]
    monitor.stop()
    return [name for name, element in devices if element and element.get_factory().get_name() == "libcamerasrc"]


def missing(*descriptions: Description) -> list[str]:
    """Elements that are not installed, each with the Debian package that holds it."""
    start()
    factories = {element.factory for description in descriptions for element in description.elements}
    absent = sorted(factory for factory in factories if Gst.ElementFactory.find(factory) is None)
    return [f"{factory} (sudo apt install {package_of(factory)})" for factory in absent]


class Sample:
    """One buffer that came out of an appsink."""

    def __init__(self, pipeline: Any, sample: Any) -> None:
        self._pipeline, self._sample, self._buffer = pipeline, sample, sample.get_buffer()

    @property
    def keyframe(self) -> bool:
        return not self._buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)

    @property
    def mono_ns(self) -> int:
        """When the picture was taken, on CLOCK_MONOTONIC."""
        return int(self._pipeline.get_base_time()) + self.running_ns

    @property
    def caps(self) -> str:
        return str(self._sample.get_caps().to_string())

    @property
    def running_ns(self) -> int:
        """Its time of display in the pipeline's running time; a late start may put some before its beginning."""
        sign, running_ns = self._sample.get_segment().to_running_time_full(Gst.Format.TIME, self._buffer.pts)
        return int(sign * running_ns)

    @property
    def duration_ns(self) -> int:
        """How long it is shown, 0 when it does not tell."""
        duration = int(self._buffer.duration)
        return 0 if duration == NONE else duration

    def unit(self, shown_ns: int, decoded_ns: int) -> Picture:
        """A copy with times of our own."""
        buffer = Gst.Buffer.new_wrapped(self.content())
        buffer.pts, buffer.dts, buffer.duration = shown_ns, decoded_ns, self._buffer.duration
        if not self.keyframe:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        return Picture(buffer)

    def content(self) -> bytes:
        """A copy of its bytes."""
        return bytes(self._buffer.extract_dup(0, self._buffer.get_size()))

    def picture(self) -> Picture:
        """A copy that may be drawn into."""
        return Picture(self._buffer.copy_deep())


class Picture:
    """A raw picture of our own: buffers from elsewhere may be shared and thus immutable."""

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer

    @property
    def size(self) -> int:
        return int(self.buffer.get_size())

    def read(self, offset: int, size: int) -> bytearray:
        return bytearray(self.buffer.extract_dup(offset, size))

    def write(self, offset: int, content: bytes | bytearray) -> None:
        self.buffer.fill(offset, bytes(content))

    def place(self, pts_ns: int, duration_ns: int) -> None:
        """Gives it its running time."""
        self.buffer.pts = pts_ns
        self.buffer.dts = Gst.CLOCK_TIME_NONE
        self.buffer.duration = duration_ns


def wrapped(content: bytes, at_ns: int) -> Picture:
    """Bytes for an appsrc, with their running time."""
    buffer = Gst.Buffer.new_wrapped(content)
    buffer.pts = at_ns
    return Picture(buffer)


class Pipeline:
    """A pipeline built from its description. `close` may be called twice, but not from a streaming thread."""

    def __init__(self, description: Description, name: str) -> None:
        start()
        absent = missing(description)
        if absent:
            raise GstMissing(f"GStreamer lacks {', '.join(absent)}.")
        self._pipeline = Gst.Pipeline.new(name)
        self._elements: dict[str, Any] = {}
        self._undo: list[Callable[[], object]] = []
        self._watching = False
        for element in description.elements:
            self._pipeline.add(_made(element))
        for link in description.links:
            self._link(link)

    def _element(self, name: str) -> Any:
        if name not in self._elements:
            self._elements[name] = self._pipeline.get_by_name(name)
        return self._elements[name]

    def _connect(self, source: Any, signal: str, callback: Callable[..., Any]) -> None:
        number = source.connect(signal, callback)
        self._undo.append(lambda: source.disconnect(number))

    def _probe(self, element: str, pad_name: str, kind: Any, callback: Callable[..., Any]) -> None:
        pad = self._element(element).get_static_pad(pad_name)
        number = pad.add_probe(kind, callback)
        self._undo.append(lambda: pad.remove_probe(number))

    def _link(self, link: Link) -> None:
        source, sink = self._element(link.source), self._element(link.sink)
        if link.sometimes or link.caps:
            source.connect("pad-added", _link_later, sink, link)
            return
        pad = sink.request_pad_simple(link.request) if link.request else None
        if pad is None:
            linked = source.link(sink)
        else:
            for name, value in link.pad_properties.items():
                pad.set_property(name, value)
            linked = source.get_static_pad("src").link(pad) == Gst.PadLinkReturn.OK
        if not linked:
            raise PipelineFailed(f"{link.source} and {link.sink} do not fit together.")

    def set(self, element: str, name: str, value: Value) -> None:
        """Sets a property while running."""
        _set(self._element(element), name, value)

    def on_sample(self, sink: str, callback: Callable[[Sample], None]) -> None:
        """Calls back for every sample of an appsink, in its streaming thread."""

        def arrived(appsink: Any) -> Any:
            try:
                callback(Sample(self._pipeline, appsink.emit("pull-sample")))
            except Exception:
                log.exception("A callback of %s failed", sink)
                return Gst.FlowReturn.ERROR
            return Gst.FlowReturn.OK

        self._connect(self._element(sink), "new-sample", arrived)

    def listen(self, sink: str, listening: bool) -> None:
        """Whether the samples of an appsink are told of. Any thread; the callback may be running."""
        self._element(sink).set_property("emit-signals", listening)

    def passed(self, sink: str) -> int:
        """Buffers that a sink has taken until now, those that nobody was told of too. Any thread."""
        return int(self._element(sink).get_property("stats").get_value("rendered"))

    def on_buffer(self, element: str, callback: Callable[[], bool]) -> None:
        """Calls back for every buffer that reaches an element until it answers no, in its streaming thread."""

        def passed(_pad: Any, _probe: Any) -> Any:
            return Gst.PadProbeReturn.OK if callback() else Gst.PadProbeReturn.REMOVE

        self._probe(element, "sink", Gst.PadProbeType.BUFFER, passed)

    def on_overrun(self, queue: str, callback: Callable[[], None]) -> None:
        """Calls back for every buffer that a leaking queue drops, in its streaming thread."""
        self._connect(self._element(queue), "overrun", lambda _queue: callback())

    def gate(self, element: str) -> None:
        """Lets nothing out of an element before its first keyframe."""

        def passed(_pad: Any, probe: Any) -> Any:
            if probe.get_buffer().has_flags(Gst.BufferFlags.DELTA_UNIT):
                return Gst.PadProbeReturn.DROP
            return Gst.PadProbeReturn.REMOVE

        self._probe(element, "src", Gst.PadProbeType.BUFFER, passed)

    def on_eos(self, sink: str, callback: Callable[[], None]) -> None:
        """Calls back when a sink has had its last buffer, in its streaming thread."""
        self._on_event(sink, Gst.EventType.EOS, lambda _event: callback())

    def on_caps(self, sink: str, callback: Callable[[str], None]) -> None:
        """Calls back with the caps of the buffers that follow, in their streaming thread."""
        self._on_event(sink, Gst.EventType.CAPS, lambda event: callback(event.parse_caps().to_string()))

    def _on_event(self, sink: str, kind: Any, callback: Callable[[Any], None]) -> None:
        def passed(_pad: Any, probe: Any) -> Any:
            event = probe.get_event()
            if event.type == kind:
                callback(event)
            return Gst.PadProbeReturn.OK

        self._probe(sink, "sink", Gst.PadProbeType.EVENT_DOWNSTREAM, passed)

    def on_stream(self, source: str, wanted: Callable[[str], bool]) -> None:
        """Asks, by its caps, which of the streams that an rtspsrc is offered shall be sent. Streaming thread."""
        self._connect(self._element(source), "select-stream", lambda _source, _number, caps: wanted(caps.to_string()))

    def on_end(self, failed: Callable[[Fault], None], ended: Callable[[], None]) -> None:
        """Calls back on the main loop when the pipeline broke, or has written all after `end`."""
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        self._watching = True
        self._connect(bus, "message::error", lambda _bus, message: failed(self._fault(message)))
        self._connect(bus, "message::eos", lambda _bus, _message: ended())

    def _fault(self, message: Any) -> Fault:
        error, debug = message.parse_error()
        element = message.src
        while element.get_parent() not in (None, self._pipeline):
            element = element.get_parent()
        kind = error.domain.removeprefix("gst-").removesuffix("-error-quark")
        enum = {"resource": Gst.ResourceError, "stream": Gst.StreamError, "core": Gst.CoreError}.get(kind)
        nick = enum(error.code).value_nick if enum else str(error.code)
        if "not-negotiated" in (debug or ""):
            kind, nick = "core", "negotiation"
        return Fault(element.get_name(), f"{kind}.{nick}", _words(message))

    def play(self) -> int:
        """Starts on CLOCK_MONOTONIC; returns the base time in ns."""
        clock = Gst.SystemClock.obtain()
        self._pipeline.use_clock(clock)
        self._pipeline.set_start_time(Gst.CLOCK_TIME_NONE)
        base_ns = int(clock.get_time())
        self._pipeline.set_base_time(base_ns)
        if self._pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
            message = self._pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
            fault = self._fault(message) if message is not None else Fault("", "", "it gave no reason")
            self.close()
            raise PipelineFailed(fault.words, fault)
        return base_ns

    def loop(self) -> None:
        """Starts at a file's beginning so that it can be repeated without a seam; waits 5 s at most until it can."""
        self._pipeline.get_state(5 * SECOND)
        self._seek(Gst.SeekFlags.FLUSH)

    def again(self) -> bool:
        """Queues the beginning behind the end, when the end has been read. True when it was.

        The seek waits in a thread of GStreamer's until the last pictures are pulled; waiting here would be a deadlock.
        """
        message = self._pipeline.get_bus().pop_filtered(Gst.MessageType.SEGMENT_DONE)
        if message is not None:
            self._pipeline.call_async(lambda _pipeline: self._seek(Gst.SeekFlags.NONE))
        return message is not None

    def _seek(self, flags: Any) -> None:
        kinds = Gst.SeekType.SET, Gst.SeekType.NONE
        self._pipeline.seek(1.0, Gst.Format.TIME, flags | Gst.SeekFlags.SEGMENT, kinds[0], 0, kinds[1], 0)

    def fault(self) -> Fault | None:
        """What broke it, when nobody watches by `on_end`. Any thread."""
        message = self._pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
        return self._fault(message) if message is not None else None

    def failure(self) -> str:
        """The words of an error that nobody watched for, or nothing. Any thread."""
        message = self._pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
        return _words(message) if message is not None else ""

    def pull(self, sink: str, wait_ns: int) -> Sample | None:
        """The next sample of an appsink, or None when there was none in time. Any thread."""
        sample = self._element(sink).emit("try-pull-sample", wait_ns)
        return Sample(self._pipeline, sample) if sample is not None else None

    def push(self, source: str, picture: Picture) -> None:
        """Hands a picture to an appsrc. Any thread."""
        self._element(source).emit("push-buffer", picture.buffer)

    def waiting(self, source: str) -> int:
        """Pictures that an appsrc still holds. Any thread."""
        return int(self._element(source).get_property("current-level-buffers"))

    def force_keyframe(self, element: str) -> None:
        """Asks the encoder above `element` for a keyframe now. Any thread."""
        structure = Gst.Structure.new_from_string("GstForceKeyUnit, all-headers=(boolean)true, count=(uint)0")
        event = Gst.Event.new_custom(Gst.EventType.CUSTOM_UPSTREAM, structure)
        self._element(element).get_static_pad("src").send_event(event)

    def end(self, inlet: str) -> None:
        """No more pictures: what is inside comes out, then `on_end` tells.

        At an element behind a camera the end is told from a thread of GStreamer's: an element that hangs would keep us.
        """
        element = self._element(inlet)
        if element.get_factory().get_name() == "appsrc":
            element.emit("end-of-stream")
        else:
            element.call_async(lambda element: element.get_static_pad("sink").send_event(Gst.Event.new_eos()))

    def close(self) -> None:
        """Stops at once; what is inside is lost."""
        if self._watching:
            self._pipeline.get_bus().remove_signal_watch()
            self._watching = False
        self._pipeline.set_state(Gst.State.NULL)
        # An element holds its callbacks, and they hold us: Python's collector cannot see that ring.
        for undo in self._undo:
            undo()
        self._undo.clear()
        self._elements.clear()


def _made(element: Element) -> Any:
    made = Gst.ElementFactory.make(element.factory, element.name)
    for name, value in element.properties.items():
        _set(made, name, value)
    return made


def _set(element: Any, name: str, value: Value) -> None:
    """Text for a property that is text goes in as it is; enums, caps and the like are read from theirs."""
    if element.find_property(name).value_type == str or not isinstance(value, str):  # noqa: E721  # GType, not a type
        element.set_property(name, value)
    else:
        Gst.util_set_object_arg(element, name, value)


def _link_later(_element: Any, pad: Any, sink: Any, link: Link) -> None:
    target = sink.get_static_pad("sink")
    fits = pad.get_name().startswith(link.sometimes) and link.caps in pad.query_caps(None).to_string()
    if fits and not target.is_linked():
        pad.link(target)


def _words(message: Any) -> str:
    """GStreamer's own, without its debug text: that of an rtspsrc may hold what the URL holds."""
    error, _debug = message.parse_error()
    return f"{message.src.get_name()}: {error.message}"


class Hop:
    """Calls on GLib's default loop, in order. As long as the process lives.

    Not GLib.idle_add: PyGObject 3.42 (Debian 12) keeps 112 bytes of each call for ever, and there is one per frame.
    """

    def __init__(self) -> None:
        self._calls: deque[Callable[[], object]] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, self._wake, GLib.IOCondition.IN, self._run)

    def post(self, call: Callable[[], object]) -> None:
        """Any thread."""
        self._calls.append(call)
        os.eventfd_write(self._wake, 1)

    def _run(self, _descriptor: int, _condition: object) -> bool:
        """What was there when it was woken: what comes meanwhile wakes it again, after the other sources."""
        os.eventfd_read(self._wake)
        for _ in range(len(self._calls)):
            try:
                self._calls.popleft()()
            except Exception:
                log.exception("A call on GLib's loop failed.")
        return True


class Loop:
    """GLib's main loop in the main thread. What a callback raises ends the loop and comes out of `run`."""

    def __init__(self) -> None:
        self._loop = GLib.MainLoop()
        self._error: BaseException | None = None
        self._hop = Hop()

    def run(self) -> None:
        """Until `quit`, or until a callback raised."""
        self._loop.run()
        if self._error is not None:
            raise self._error

    def quit(self) -> None:
        self._loop.quit()

    def call_soon(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Runs it on the loop, in order. Any thread."""
        guarded = self._guarded(callback, once=True)
        self._hop.post(lambda: guarded(*arguments))

    def call_later(self, ms: int, callback: Callable[[], None]) -> int:
        """Runs it once; the answer is for `cancel`."""
        return int(GLib.timeout_add(ms, self._guarded(callback, once=True)))

    def call_every(self, ms: int, callback: Callable[[], None]) -> int:
        """Runs it again and again; the answer is for `cancel`."""
        return int(GLib.timeout_add(ms, self._guarded(callback, once=False)))

    def on_signal(self, number: int, callback: Callable[[], None]) -> None:
        """Runs it on the loop when the process gets this signal."""
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, self._guarded(callback, once=False))

    def watch(self, descriptor: int, callback: Callable[[], None], *, writable: bool = False) -> int:
        """Runs it whenever the descriptor can be read (or written); the answer is for `cancel`."""
        condition = GLib.IOCondition.OUT if writable else GLib.IOCondition.IN
        condition |= GLib.IOCondition.HUP | GLib.IOCondition.ERR
        guarded = self._guarded(callback, once=False)
        return int(
            GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, descriptor, condition, lambda _fd, _condition: guarded())
        )

    def cancel(self, source: int) -> None:
        GLib.source_remove(source)

    def _guarded(self, callback: Callable[..., None], *, once: bool) -> Callable[..., bool]:
        def guarded(*arguments: Any) -> bool:
            try:
                callback(*arguments)
            except BaseException as error:
                if not isinstance(error, AgentError):
                    log.critical("%s", "".join(traceback.format_exception(error)))
                self._error = self._error or error
                self._loop.quit()
            return not once

        return guarded
