"""A viewer without a browser: webrtcbin that counts the frames it gets and decodes nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import cache

import gi

for _name in ("Gst", "GstSdp", "GstWebRTC"):
    gi.require_version(_name, "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402
from ucam_agent.gst_branch import only_udp  # noqa: E402
from ucam_protocol import Answer, Hangup, IceCandidate, Message, Offer  # noqa: E402

FORMAT = "video/x-h264,stream-format=byte-stream,alignment=au"
_BUFFERS = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST


@cache
def glib_thread() -> None:
    """One for all viewers of this process."""
    threading.Thread(target=GLib.MainLoop().run, name="viewers", daemon=True).start()


class Viewer:
    """One end of one session. `send` is called on the event loop; `take` is given what the camera says."""

    def __init__(self, session: str, send: Callable[[Message], None]) -> None:
        Gst.init(None)
        self.session, self._send = session, send
        self._loop = asyncio.get_running_loop()
        glib_thread()
        self.frames = self.packets = self.keyframes = self.keyframes_first = 0
        self.hung_up = ""
        self.called_at = self.first_frame_at = self.last_frame_at = 0.0
        self._pipeline = Gst.Pipeline.new(None)
        self._webrtc = Gst.ElementFactory.make("webrtcbin")
        self._webrtc.set_property("bundle-policy", "max-bundle")
        self._pipeline.add(self._webrtc)
        self._signals = [
            self._webrtc.connect("pad-added", self._on_pad),
            self._webrtc.connect("on-ice-candidate", self._on_candidate),
            self._webrtc.connect("deep-element-added", only_udp),
        ]
        self._probes: list[tuple[Gst.Pad, int]] = []
        self._counted: Gst.Pad | None = None
        self._pipeline.set_state(Gst.State.PLAYING)
        self._pipeline.get_bus().set_flushing(True)  # nobody reads it

    def take(self, message: Message) -> None:
        """A message of this session from the camera."""
        if isinstance(message, Offer):
            GLib.idle_add(self._take_offer, message.sdp)
        elif isinstance(message, IceCandidate) and message.candidate:
            self._webrtc.emit("add-ice-candidate", message.sdp_m_line_index, message.candidate)
        elif isinstance(message, Hangup):
            self.hung_up = message.reason or "no reason"

    def ask_keyframe(self) -> None:
        """As after a loss: a PLI."""
        event = Gst.Event.new_custom(
            Gst.EventType.CUSTOM_UPSTREAM, Gst.Structure.new_from_string("GstForceKeyUnit, all-headers=(boolean)true")
        )
        assert self._counted is not None
        self._counted.push_event(event)

    def vanish(self) -> None:
        """As when the network is cut: nothing more is sent, nothing is said."""
        iterator = self._webrtc.iterate_recurse()
        while (found := iterator.next())[0] == Gst.IteratorResult.OK:
            factory = found[1].get_factory()
            if factory and factory.get_name() == "nicesink":
                self._probe(found[1].get_static_pad("sink"), lambda _pad, _info: Gst.PadProbeReturn.DROP)

    async def close(self) -> None:
        """Go without a word to the room, and leave nothing behind. May be called twice."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        """What still calls back into Python would keep the element, its sockets and threads for ever."""
        for number in self._signals:
            self._webrtc.disconnect(number)
        for pad, number in self._probes:
            pad.remove_probe(number)
        self._signals, self._probes, self._counted = [], [], None
        self._pipeline.set_state(Gst.State.NULL)

    def _probe(self, pad: Gst.Pad, called: Callable[[Gst.Pad, Gst.PadProbeInfo], Gst.PadProbeReturn]) -> None:
        self._probes.append((pad, pad.add_probe(_BUFFERS, called)))

    def _tell(self, message: Message) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._send, message)

    def _take_offer(self, sdp: str) -> bool:
        _, message = GstSdp.SDPMessage.new_from_text(sdp)
        offer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, message)
        self._webrtc.emit("set-remote-description", offer, Gst.Promise.new())
        self._webrtc.emit("create-answer", None, Gst.Promise.new_with_change_func(self._on_answer, None))
        return GLib.SOURCE_REMOVE

    def _on_answer(self, promise: Gst.Promise, _data: object) -> None:
        reply = promise.get_reply()  # owns the answer
        answer = reply.get_value("answer")
        self._webrtc.emit("set-local-description", answer, Gst.Promise.new())
        self._tell(Answer(session=self.session, sdp=answer.sdp.as_text()))

    def _on_candidate(self, _webrtc: Gst.Element, line: int, candidate: str) -> None:
        self._tell(IceCandidate(session=self.session, candidate=candidate, sdp_m_line_index=line))

    def _on_pad(self, _webrtc: Gst.Element, pad: Gst.Pad) -> None:
        depay, form, sink = (Gst.ElementFactory.make(name) for name in ("rtph264depay", "capsfilter", "fakesink"))
        form.set_property("caps", Gst.Caps.from_string(FORMAT))
        sink.set_property("sync", False)
        sink.set_property("async", False)
        for element in (depay, form, sink):
            self._pipeline.add(element)
        depay.link(form)
        form.link(sink)
        self._counted = depay.get_static_pad("sink")
        self._probe(depay.get_static_pad("sink"), self._on_packet)
        self._probe(form.get_static_pad("src"), self._on_frame)
        for element in (sink, form, depay):
            element.sync_state_with_parent()
        pad.link(depay.get_static_pad("sink"))

    def _on_packet(self, _pad: Gst.Pad, _info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        self.packets += 1
        return Gst.PadProbeReturn.OK

    def _on_frame(self, _pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        self.last_frame_at = time.monotonic()
        keyframe = not info.get_buffer().has_flags(Gst.BufferFlags.DELTA_UNIT)
        self.keyframes += keyframe
        if not self.frames:
            self.first_frame_at = self.last_frame_at
            self.keyframes_first = int(keyframe)
        self.frames += 1
        return Gst.PadProbeReturn.OK
