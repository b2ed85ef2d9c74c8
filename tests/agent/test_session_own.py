"""An IP camera's own small stream: open only while somebody asks for it; its troubles cost nobody a picture."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from ucam_protocol import Offer, RtspSource, SettingsChanged

from .conftest import MakeRecorder
from .ip_camera import IpCamera
from .server import SETTINGS, Server
from .test_session_small import encoders
from .watching import LiveProcess, connections_to, enrolled, watching

LARGE = ("--size", "1280x720", "--fps", "10", "--kbit", "800", "--group", "10", "--small", "320x180")


class Camera:
    """An IP camera, and the agent that records it."""

    def __init__(self, folder: Path, make_recorder: MakeRecorder) -> None:
        self.ip = IpCamera(folder, *LARGE, "--user", "viewer", "--password", "s3cret")
        self._make_recorder = make_recorder
        self.server = Server()

    def source(self, sub: str = "") -> RtspSource:
        return RtspSource(self.ip.url("viewer:s3cret@"), sub=sub)

    @asynccontextmanager
    async def running(self, path: str) -> AsyncIterator[None]:
        """It records, and is in the room; its small stream stands at `path`, without a password of its own."""
        self.ip.start()
        source = msgspec.to_builtins(self.source(self.ip.url(path=path)))
        async with self.server as server:
            self.recorder = self._make_recorder(source=source)
            server.settings = msgspec.structs.replace(SETTINGS, source=msgspec.convert(source, RtspSource))
            enrolled(self.recorder.state, server)
            (self.recorder.state / "settings.json").write_bytes(msgspec.json.encode(server.settings))
            self.recorder.start()
            self.live = LiveProcess(self.recorder.state)
            try:
                await server.until(lambda: server.cameras and any(self.recorder.chunks()), 30)
                yield
            finally:
                self.ip.close()
                assert self.live.end() == 0, self.live.end(signal.SIGKILL)
        said = self.live.log.read_text() + self.recorder.log.read_text()
        assert "Traceback" not in said
        assert "s3cret" not in said

    @property
    def opened(self) -> int:
        """Connections of the live process to the IP camera."""
        return connections_to(self.live.pid, self.ip.port)


@pytest.fixture
def camera(tmp_path: Path, make_recorder: MakeRecorder) -> Camera:
    return Camera(tmp_path, make_recorder)


async def test_it_is_open_as_long_as_somebody_asks_for_it_and_nothing_is_encoded(camera: Camera) -> None:
    async with camera.running("small"):
        server = camera.server
        async with watching(server) as large:
            await server.until(lambda: large.frames >= 3, 30)
            assert camera.opened == 0
            async with watching(server, "ann@example.com/x", stream="sub") as small:
                await server.until(lambda: small.frames >= 5, 30)
                assert small.keyframes_first
                assert (camera.opened, encoders(camera.live.pid)) == (1, 0)
                assert [offer.stream for offer in server.all(Offer)] == ["main", "sub"]
            await server.until(lambda: camera.opened == 0, 15)
            seen = large.frames
            await server.until(lambda: large.frames > seen, 10)
        assert await asyncio.to_thread(camera.recorder.end) == 0
        assert camera.recorder.gaps() == []


async def test_what_cannot_be_had_is_encoded_here_instead(camera: Camera) -> None:
    async with camera.running("nothing"), watching(camera.server, stream="sub") as small:
        await camera.server.until(lambda: small.frames >= 3, 40)
        assert encoders(camera.live.pid) > 0
        assert camera.opened == 0
        assert "has no such stream. Check the path in its URL" in camera.live.log.read_text()


async def test_another_small_stream_is_no_reason_to_record_anew(camera: Camera) -> None:
    async with camera.running("nothing"):
        server = camera.server
        assert server.settings is not None
        new = msgspec.structs.replace(server.settings, source=camera.source(camera.ip.url(path="small")))
        await server.say(SettingsChanged(settings=new))
        stored = camera.recorder.state / "settings.json"
        await server.until(lambda: json.loads(stored.read_text())["source"]["sub"].endswith("/small"), 10)
        async with watching(server, stream="sub") as small:
            await server.until(lambda: small.frames >= 3, 30)
            assert (camera.opened, encoders(camera.live.pid)) == (1, 0)
        assert await asyncio.to_thread(camera.recorder.end) == 0
        assert camera.recorder.gaps() == []
        assert len({sidecar["run"] for sidecar in camera.recorder.sidecars()}) == 1
