"""A peer to measure against: the least that a good engineer would write with webrtcbin.

One process, no room, no recording: source, one encoder, and a webrtcbin per viewer behind the same tee. Source, stamp
and encoder are the agent's own, so that only what comes behind the encoder differs. Signalling: a websocket per viewer.

    python -m bench.peers.bare PORT SETTINGS.json
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import gi
from aiohttp import WSMsgType, web
from ucam_agent import camera, pipeline
from ucam_agent.camera import Board
from ucam_agent.gst import GLib, Gst, Pipeline
from ucam_agent.ice import profile_level_id
from ucam_agent.pace import Pacer
from ucam_protocol import FileSource, Settings, decode_settings

for _name in ("GstSdp", "GstWebRTC"):
    gi.require_version(_name, "1.0")
from gi.repository import GstSdp, GstWebRTC  # noqa: E402

RTP = "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1"
PAGE = Path(__file__).with_name("bare.html")
LIVE_ONLY = ("source", "encoder", "encoded", "parse", "units", "tee")


def live_only(settings: Settings) -> pipeline.Description:
    """The agent's encoding up to the tee, without its recording."""
    whole = pipeline.encoding(settings)
    elements = tuple(element for element in whole.elements if element.name in LIVE_ONLY)
    return pipeline.Description(elements, pipeline.chain(*elements))


class Source(Pipeline):
    """Source and encoder; viewers link themselves to its tee."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(live_only(settings), "bare")
        self.profile = ""
        self.bin, self.tee = self._pipeline, self._element("tee")
        self.tee.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self._on_frame)

    def _on_frame(self, _pad: Any, info: Any) -> Any:
        buffer = info.get_buffer()
        self.profile = profile_level_id(buffer.extract_dup(0, min(400, buffer.get_size())))
        return Gst.PadProbeReturn.REMOVE if self.profile else Gst.PadProbeReturn.OK


class Viewer:
    """`tee ! queue ! rtph264pay ! webrtcbin`, linked once the viewer is connected, with a forced keyframe."""

    def __init__(self, source: Source, socket: web.WebSocketResponse) -> None:
        self._source, self._socket, self._loop = source, socket, asyncio.get_running_loop()
        self._pad: Any = None
        queue, pay, form, webrtc = (
            Gst.ElementFactory.make(n) for n in ("queue", "rtph264pay", "capsfilter", "webrtcbin")
        )
        self._queue, self._webrtc = queue, webrtc
        queue.set_property("leaky", "downstream")
        queue.set_property("max-size-buffers", 60)
        queue.set_property("max-size-time", 0)
        queue.set_property("max-size-bytes", 0)
        for name, value in (("config-interval", -1), ("pt", 96), ("mtu", 1200), ("aggregate-mode", "zero-latency")):
            pay.set_property(name, value)
        form.set_property("caps", Gst.Caps.from_string(RTP))
        webrtc.set_property("bundle-policy", "max-bundle")
        webrtc.set_property("latency", 0)
        self._elements = [webrtc, form, pay, queue]
        for element in self._elements:
            source.bin.add(element)
        queue.link(pay)
        pay.link(form)
        pad = webrtc.request_pad_simple("sink_0")
        transceiver = pad.get_property("transceiver")
        transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        wanted = Gst.Caps.from_string(f"{RTP},profile-level-id=(string){source.profile}")
        transceiver.set_property("codec-preferences", wanted)
        form.get_static_pad("src").link(pad)
        webrtc.connect("on-ice-candidate", self._on_candidate)
        webrtc.connect("notify::connection-state", self._on_state)
        for element in self._elements:
            element.sync_state_with_parent()
        webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self._on_offer, None))

    def take(self, message: dict[str, Any]) -> None:
        """What the viewer says."""
        if message["type"] == "answer":
            _, sdp = GstSdp.SDPMessage.new_from_text(message["sdp"])
            answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
            self._webrtc.emit("set-remote-description", answer, Gst.Promise.new())
        elif message.get("candidate"):
            self._webrtc.emit("add-ice-candidate", message.get("sdp_m_line_index", 0), message["candidate"])

    def _say(self, **message: Any) -> None:
        text = json.dumps({"session": "bare", **message})
        self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._send(text)))

    async def _send(self, text: str) -> None:
        with contextlib.suppress(ConnectionError):
            await self._socket.send_str(text)

    def _on_offer(self, promise: Any, _data: object) -> None:
        reply = promise.get_reply()  # owns the offer
        offer = reply.get_value("offer")
        # Queued first: an answer faster than this line would meet no offer. Candidates come after this callback.
        self._webrtc.emit("set-local-description", offer, Gst.Promise.new())
        self._say(type="offer", sdp=offer.sdp.as_text())

    def _on_candidate(self, _webrtc: Any, line: int, candidate: str) -> None:
        self._say(type="candidate", candidate=candidate, sdp_m_line_index=line)

    def _on_state(self, webrtc: Any, _property: object) -> None:
        if webrtc.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            GLib.idle_add(self._attach)

    def _attach(self) -> bool:
        if self._elements and self._pad is None:
            self._pad = self._source.tee.request_pad_simple("src_%u")
            self._pad.link(self._queue.get_static_pad("sink"))
            self._source.force_keyframe("parse")
        return GLib.SOURCE_REMOVE

    def close(self) -> bool:
        """On the GLib thread."""
        if self._pad is None:
            return self._dispose()
        self._pad.add_probe(Gst.PadProbeType.IDLE, self._on_idle)
        return GLib.SOURCE_REMOVE

    def _on_idle(self, pad: Any, _info: Any) -> Any:
        pad.unlink(self._queue.get_static_pad("sink"))
        GLib.idle_add(self._dispose)
        return Gst.PadProbeReturn.REMOVE

    def _dispose(self) -> bool:
        if self._pad is not None:
            self._source.tee.release_request_pad(self._pad)
        for element in self._elements:
            element.set_locked_state(True)
        for element in self._elements:
            element.set_state(Gst.State.NULL)
            self._source.bin.remove(element)
        self._elements = []
        return GLib.SOURCE_REMOVE


def application(source: Source) -> web.Application:
    """The page and the viewers' websocket."""

    async def page(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE)

    async def viewer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        made = Viewer(source, socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                made.take(json.loads(message.data))
        GLib.idle_add(made.close)
        return socket

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/ws", viewer)])
    return app


async def serve(port: int, settings: Settings) -> None:
    """Until SIGTERM."""
    threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
    source, footage = Source(settings), Pipeline(camera.footage(settings, Board()), "footage")
    base_ns = source.play()
    footage.play()
    pacer = Pacer(footage, source, base_ns, settings, loops=isinstance(settings.source, FileSource))
    pacer.start()
    runner = web.AppRunner(application(source), shutdown_timeout=0.5)
    await runner.setup()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    while not source.profile:  # noqa: ASYNC110 - set by a thread of GStreamer's, once
        await asyncio.sleep(0.02)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"listening on {port}", flush=True)
    await stopped.wait()
    pacer.close()
    await runner.cleanup()
    footage.close()
    source.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), decode_settings(Path(sys.argv[2]).read_bytes())))
