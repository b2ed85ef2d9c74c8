"""One viewer's part of the live pipeline: made, used and removed on the GLib thread; it hops to the event loop once."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ucam_sentences import say

from .gst_glib import GLib, Gst, GstSdp, GstWebRTC, glib, make
from .ice import IceUrls

if TYPE_CHECKING:
    from .gst_webrtc import Fanout

log = logging.getLogger(__name__)

QUEUE_FRAMES = 60
SILENCE_MAX_S = 12.0  # reports come every second or so; webrtcbin itself never notices that they stopped
RTP = "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1"
RTP_SOUND = "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2"
_BUFFERS = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST


class Viewer(Protocol):
    """Who is told, on the event loop, what becomes of a branch."""

    def offered(self, sdp: str) -> None: ...
    def candidate_found(self, line: int, candidate: str) -> None: ...
    def connected(self) -> None: ...
    def ended(self, reason: str) -> None: ...


def only_udp(_webrtc: Gst.Element, _bin: Gst.Bin, element: Gst.Element) -> None:
    """Reaches the ICE agent before it gathers: by nicesrc, because reading webrtcbin's own `ice-agent` crashes.

    By default libnice asks the local network's router to forward ports, by UPnP, which opens UDP port 1900 and an HTTP
    server on every address, and listens on TCP. A camera needs neither: viewers come over UDP or TURN.
    """
    factory = element.get_factory()
    agent = element.get_property("agent") if factory and factory.get_name() == "nicesrc" else None
    if agent is not None:
        agent.set_property("upnp", False)
        agent.set_property("ice-tcp", False)


@dataclass(slots=True)
class Leg:
    """Pictures or sound on their way to one viewer: from the fanout's tee by these elements to webrtcbin."""

    tee: Gst.Element
    queue: Gst.Element
    pay: Gst.Element
    filter: Gst.Element
    pad: Gst.Pad | None = None

    @property
    def elements(self) -> tuple[Gst.Element, ...]:
        """In the order of the stream."""
        return self.queue, self.pay, self.filter

    def attach(self) -> None:
        """From now on it gets what the tee gives."""
        self.pad = self.tee.request_pad_simple("src_%u")
        self.pad.link(self.queue.get_static_pad("sink"))


class Branch:
    """One viewer's `queue ! rtph264pay ! capsfilter ! webrtcbin`, and the like for sound. On the GLib thread."""

    def __init__(self, fanout: Fanout, viewer: Viewer, ice: IceUrls, *, sound: bool = False) -> None:
        self._fanout, self._viewer = fanout, viewer
        self._gate = 0
        self._probes: list[tuple[Gst.Pad, int]] = []
        self._removing = self._attached = False
        self._heard_at = time.monotonic()
        self._watch = 0
        self.gone = asyncio.Event()
        self._queue = make("queue", max_size_buffers=QUEUE_FRAMES, max_size_time=0, max_size_bytes=0)
        self._queue.set_property("leaky", "downstream")
        pay = make("rtph264pay", config_interval=-1, pt=96, mtu=1200)
        pay.set_property("aggregate-mode", "zero-latency")
        caps = Gst.Caps.from_string
        self._legs = [Leg(fanout.tee, self._queue, pay, make("capsfilter", caps=caps(RTP)))]
        if sound and fanout.sound_tee is not None:
            queue = make("queue", max_size_buffers=QUEUE_FRAMES, max_size_time=0, max_size_bytes=0)
            queue.set_property("leaky", "downstream")
            pay = make("rtpopuspay", pt=97, mtu=1200)
            self._legs.append(Leg(fanout.sound_tee, queue, pay, make("capsfilter", caps=caps(RTP_SOUND))))
        self._idle = 0
        self._webrtc = make("webrtcbin", latency=0)
        self._webrtc.set_property("bundle-policy", "max-bundle")
        self._signals = [
            (self._webrtc, self._webrtc.connect("on-ice-candidate", self._on_candidate)),
            (self._webrtc, self._webrtc.connect("notify::connection-state", self._on_state)),
            (self._webrtc, self._webrtc.connect("deep-element-added", only_udp)),
            (self._queue, self._queue.connect("overrun", self._on_overrun)),
        ]
        self._use_servers(ice)
        self._link()
        self._webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self._on_offer, None))

    @property
    def _elements(self) -> tuple[Gst.Element, ...]:
        return self._webrtc, *(element for leg in self._legs for element in leg.elements)

    def _use_servers(self, ice: IceUrls) -> None:
        if ice.stun:
            self._webrtc.set_property("stun-server", ice.stun)
        for url in ice.turn:
            if not self._webrtc.emit("add-turn-server", url):
                log.warning(
                    "A TURN server of the room could not be used; viewers behind strict firewalls may see nothing."
                )

    def _link(self) -> None:
        """The pad first, then its transceiver: the other way round makes two media sections and no picture."""
        for element in self._elements:
            self._fanout.pipeline.add(element)
        for number, leg in enumerate(self._legs):
            leg.queue.link(leg.pay)
            leg.pay.link(leg.filter)
            pad = self._webrtc.request_pad_simple(f"sink_{number}")
            transceiver = pad.get_property("transceiver")
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
            preferences = RTP_SOUND if number else f"{RTP},profile-level-id=(string){self._fanout.profile}"
            transceiver.set_property("codec-preferences", Gst.Caps.from_string(preferences))
            leg.filter.get_static_pad("src").link(pad)
        self._shut_gate()
        self._webrtc.sync_state_with_parent()
        for leg in self._legs:
            for element in reversed(leg.elements):
                element.sync_state_with_parent()

    # ------------------------------------------------------------ from the viewer

    def answer(self, sdp: str) -> None:
        """The viewer's answer."""
        glib().post(self._answer, sdp)

    def add_candidate(self, line: int, candidate: str) -> None:
        """One of the viewer's ICE candidates."""
        glib().post(self._add_candidate, line, candidate)

    async def close(self) -> None:
        """Stop sending and go; returns when that is done. May be called twice."""
        await self._fanout.remove(self)

    def _answer(self, sdp: str) -> None:
        if self._removing:
            return
        result, message = GstSdp.SDPMessage.new_from_text(sdp)
        if result != GstSdp.SDPResult.OK:
            self._fanout.tell(self._viewer.ended, say("The answer could not be read."))
            return
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self._webrtc.emit("set-remote-description", description, Gst.Promise.new())

    def _add_candidate(self, line: int, candidate: str) -> None:
        if not self._removing:
            self._webrtc.emit("add-ice-candidate", line, candidate)

    # ------------------------------------------------------------ callbacks of GStreamer

    def _on_offer(self, promise: Gst.Promise, _data: object) -> None:
        reply = promise.get_reply()  # must stay referenced while the offer is used: it owns the memory
        if reply is None or self._removing:
            return
        offer = reply.get_value("offer")
        if offer is None:
            self._fanout.tell(self._viewer.ended, say("The camera could not make an offer; call again."))
            return
        # Local first: an answer that came back sooner would find no offer. A candidate may then overtake the offer;
        # viewers keep those until the offer is there.
        self._webrtc.emit("set-local-description", offer, Gst.Promise.new())
        self._fanout.tell(self._viewer.offered, offer.sdp.as_text())

    def _on_candidate(self, _webrtc: Gst.Element, line: int, candidate: str) -> None:
        self._fanout.tell(self._viewer.candidate_found, line, candidate)

    def _on_state(self, webrtc: Gst.Element, _property: object) -> None:
        state = webrtc.get_property("connection-state")
        if state == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            GLib.idle_add(self._attach)
        elif state in (GstWebRTC.WebRTCPeerConnectionState.FAILED, GstWebRTC.WebRTCPeerConnectionState.CLOSED):
            self._fanout.tell(self._viewer.ended, say("The connection between the camera and you was lost."))

    def _on_overrun(self, _queue: Gst.Element) -> None:
        """Frames were dropped: what follows cannot be decoded before the next keyframe."""
        if not self._gate and not self._removing:
            self._shut_gate()
            self._fanout.want_keyframe()

    # ------------------------------------------------------------ the gate: nothing passes before a keyframe

    def _shut_gate(self) -> None:
        self._gate = self._queue.get_static_pad("sink").add_probe(_BUFFERS, self._on_gate)

    def _on_gate(self, _pad: Gst.Pad, info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        if info.get_buffer().has_flags(Gst.BufferFlags.DELTA_UNIT):
            return Gst.PadProbeReturn.DROP
        self._gate = 0
        return Gst.PadProbeReturn.REMOVE  # a probe in Python costs more than the packets

    # ------------------------------------------------------------ attached: media flows

    def _attach(self) -> bool:
        if not self._attached and not self._removing:
            self._attached = True
            for leg in self._legs:
                leg.attach()
            self._fanout.want_keyframe()
            self._listen()
            self._fanout.tell(self._viewer.connected)
        return GLib.SOURCE_REMOVE

    def _listen(self) -> None:
        """Watch for the viewer's RTCP reports at the inner nicesrc."""
        self._heard_at = time.monotonic()
        iterator = self._webrtc.iterate_recurse()
        while (found := iterator.next())[0] == Gst.IteratorResult.OK:
            factory = found[1].get_factory()
            if factory and factory.get_name() == "nicesrc":
                pad = found[1].get_static_pad("src")
                self._probes.append((pad, pad.add_probe(_BUFFERS, self._on_heard)))
        self._watch = GLib.timeout_add(1000, self._check_silence)

    def _on_heard(self, _pad: Gst.Pad, _info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        self._heard_at = time.monotonic()
        return Gst.PadProbeReturn.OK

    def _check_silence(self) -> bool:
        if time.monotonic() - self._heard_at < SILENCE_MAX_S:
            return GLib.SOURCE_CONTINUE
        self._watch = 0
        self._fanout.tell(
            self._viewer.ended,
            say("The camera has heard nothing from you for {seconds} s.", seconds=f"{SILENCE_MAX_S:.0f}"),
        )
        return GLib.SOURCE_REMOVE

    # ------------------------------------------------------------ the end, never from a callback of webrtcbin

    def remove(self) -> None:
        """Unlink when the tee's pad is idle, then dispose; `gone` is set on the event loop. May be called twice."""
        if self._removing:
            return
        self._removing = True
        if self._watch:
            GLib.source_remove(self._watch)
        if not self._attached:
            self._dispose()
            return
        for leg in self._legs:
            if leg.pad is not None:
                leg.pad.add_probe(Gst.PadProbeType.IDLE, self._on_idle)

    def _on_idle(self, pad: Gst.Pad, _info: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
        peer = pad.get_peer()
        if peer is not None:
            pad.unlink(peer)
        GLib.idle_add(self._on_unlinked)
        return Gst.PadProbeReturn.REMOVE

    def _on_unlinked(self) -> bool:
        """Once for each leg; the last one takes the rest along."""
        self._idle += 1
        if self._idle == len(self._legs):
            self._dispose()
        return GLib.SOURCE_REMOVE

    def _dispose(self) -> bool:
        # What still calls back into Python would keep elements, sockets and threads alive for ever.
        for element, number in self._signals:
            element.disconnect(number)
        if self._gate:
            self._probes.append((self._queue.get_static_pad("sink"), self._gate))
        for pad, number in self._probes:
            pad.remove_probe(number)
        for leg in self._legs:
            if leg.pad is not None:
                leg.tee.release_request_pad(leg.pad)
        for element in self._elements:
            element.set_locked_state(True)
        for element in self._elements:
            element.set_state(Gst.State.NULL)
            self._fanout.pipeline.remove(element)
        self._fanout.tell(self.gone.set)
        return GLib.SOURCE_REMOVE
