"""A real browser watches the camera: pictures are decoded, and nothing is sent once its tab is gone."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import Any

import msgspec
import pytest
from playwright.async_api import async_playwright
from ucam_protocol import Answer, Call, FromClient, Hangup, IceCandidate, Offer, SourceAudio

from .conftest import MakeRecorder
from .server import SETTINGS, Server
from .watching import LiveProcess, enrolled, udp_ports

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
PAGE = """<!doctype html><video id=v autoplay muted playsinline></video><script>
const pc = new RTCPeerConnection(); const v = document.getElementById('v'); let waiting = [];
pc.ontrack = e => { if (e.track.kind == 'video') v.srcObject = new MediaStream([e.track]);
  else { window.a = new Audio(); a.srcObject = new MediaStream([e.track]); a.play(); } };
pc.onicecandidate = e => { if (e.candidate) say(JSON.stringify({type: 'candidate', candidate: e.candidate.candidate,
  sdp_m_line_index: e.candidate.sdpMLineIndex})); };
v.requestVideoFrameCallback(() => { window.first = performance.now(); });
window.take = async m => {
  if (m.type == 'offer') {
    await pc.setRemoteDescription({type: 'offer', sdp: m.sdp});
    await pc.setLocalDescription(await pc.createAnswer());
    say(JSON.stringify({type: 'answer', sdp: pc.localDescription.sdp}));
    for (const c of waiting) await pc.addIceCandidate(c); waiting = null;
  } else if (m.type == 'candidate' && m.candidate) {
    const c = {candidate: m.candidate, sdpMLineIndex: m.sdp_m_line_index || 0};
    waiting ? waiting.push(c) : await pc.addIceCandidate(c);
  }
};
window.decoded = async () => { let n = 0;
  (await pc.getStats()).forEach(s => { if (s.type == 'inbound-rtp' && s.kind == 'video') n = s.framesDecoded; });
  return n; };
window.heard = async () => { let n = 0;
  (await pc.getStats()).forEach(s => { if (s.type == 'inbound-rtp' && s.kind == 'audio') n = s.totalAudioEnergy; });
  return n; };
</script>"""


class Tab:
    """One viewer in one tab."""

    def __init__(self, server: Server, page: Any, number: int) -> None:
        self.server, self.page, self.session = server, page, f"chromium-{number}"
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, *, sound: bool = False) -> float:
        """Call the camera; returns ms from the call to the first decoded frame."""
        await self.page.expose_function("say", self._say)
        await self.page.set_content(PAGE)
        self.server.listeners.append(self._take)
        began = await self.page.evaluate("performance.now()")
        call = Call(session=self.session, to=self.server.jid, from_="bob@example.com/tab", sound=sound)
        await self.server.say(call)
        await self.page.wait_for_function("window.first", timeout=15_000)
        return float(await self.page.evaluate("window.first")) - float(began)

    async def decoded(self) -> int:
        return int(await self.page.evaluate("window.decoded()"))

    async def _say(self, text: str) -> None:
        said = {**json.loads(text), "session": self.session, "from": "bob@example.com/tab"}
        kind = Answer if said["type"] == "answer" else IceCandidate
        await self.server.say(msgspec.convert(said, kind))

    def _take(self, message: FromClient) -> None:
        if isinstance(message, Offer | IceCandidate | Hangup) and message.session == self.session:
            task = asyncio.create_task(self._pass_on(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, message: FromClient) -> None:
        if not self.page.is_closed():
            await self.page.evaluate("m => window.take(m)", msgspec.to_builtins(message))


@pytest.mark.e2e
async def test_chromium_decodes_the_camera_and_a_killed_tab_ends_the_media(make_recorder: MakeRecorder) -> None:
    async with Server() as server, async_playwright() as playwright:
        server.settings = msgspec.structs.replace(SETTINGS, fps=25)
        recorder = make_recorder()
        enrolled(recorder.state, server)
        recorder.start()
        live = LiveProcess(recorder.state)
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            await server.until(lambda: server.cameras and any(recorder.chunks()))
            for number in range(2):
                tab = Tab(server, await browser.new_page(), number)
                print(f"first frame after {await tab.open():.0f} ms")
                before = await tab.decoded()
                deadline = time.monotonic() + 10
                while await tab.decoded() < before + 20:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.1)
                await tab.page.close()
                await server.until(lambda: udp_ports(live.pid) == 0, 15)
        finally:
            await browser.close()
            assert live.end() == 0, live.end(signal.SIGKILL)


@pytest.mark.e2e
async def test_chromium_hears_the_camera_when_it_asked_for_sound_and_not_else(make_recorder: MakeRecorder) -> None:
    async with Server() as server, async_playwright() as playwright:
        server.settings = msgspec.structs.replace(SETTINGS, audio=SourceAudio())
        recorder = make_recorder(source={"kind": "test"}, audio={"kind": "source"})
        enrolled(recorder.state, server)
        recorder.start()
        live = LiveProcess(recorder.state)
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            await server.until(lambda: server.cameras and any(recorder.chunks()))
            deaf, listening = [Tab(server, await browser.new_page(), number) for number in range(2)]
            await deaf.open()
            await listening.open(sound=True)
            deadline = time.monotonic() + 20
            while not await listening.page.evaluate("window.heard()"):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            assert await deaf.page.evaluate("pc.getTransceivers().length") == 1
            before = await listening.decoded()
            while await listening.decoded() < before + 5:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        finally:
            await browser.close()
            assert live.end() == 0, live.end(signal.SIGKILL)
