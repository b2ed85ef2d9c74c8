"""Live pictures: only while somebody watches, from a keyframe on, and never at the recorder's cost."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ucam_agent.config import State
from ucam_agent.frames import Frames
from ucam_agent.session import SESSIONS_MAX, SESSIONS_PER_VIEWER_MAX, Sessions
from ucam_protocol import Answer, Call, Hangup, IceCandidate, Message, Offer, Offline, SettingsChanged, Status

from .conftest import MakeRecorder
from .recording import RecorderProcess
from .server import SETTINGS, Server
from .watching import BOB, LiveProcess, descriptors, enrolled, threads, udp_ports, watching


@dataclass
class Camera:
    """A recorder and a live process in the room of a server."""

    server: Server
    recorder: RecorderProcess
    live: LiveProcess

    async def until(self, holds: Any, within_s: float = 15.0) -> Any:
        return await self.server.until(holds, within_s)

    async def in_the_room(self) -> None:
        """The live process is there and has the recorder's socket."""
        await self.until(lambda: self.server.cameras and any(one.recording for one in self.server.all(Status)))

    def silent(self) -> bool:
        """Nothing can be sent to anybody."""
        return udp_ports(self.live.pid) == 0


@pytest.fixture
async def camera(make_recorder: MakeRecorder, request: pytest.FixtureRequest) -> AsyncIterator[Camera]:
    """Its settings: those of tests/agent/server.py, or with what a test's parameter says otherwise."""
    async with Server() as server:
        server.settings = msgspec.structs.replace(SETTINGS, **getattr(request, "param", {}))
        recorder = make_recorder()
        enrolled(recorder.state, server)
        recorder.start()
        live = LiveProcess(recorder.state)
        found = Camera(server, recorder, live)
        try:
            await found.in_the_room()
            yield found
        finally:
            live.end(signal.SIGKILL) if live.end() not in (0, -9) else None
        assert "Traceback" not in live.log.read_text()


async def test_a_viewer_sees_moving_pictures_from_a_keyframe_on(camera: Camera) -> None:
    assert camera.silent()
    async with watching(camera.server) as viewer:
        await camera.until(lambda: viewer.frames >= 10)
        assert viewer.keyframes_first
    await camera.until(camera.silent, 2)


async def test_nothing_leaves_the_camera_while_nobody_watches(camera: Camera) -> None:
    async with watching(camera.server) as viewer:
        await camera.until(lambda: viewer.frames >= 3)
        assert not camera.silent()
    await camera.until(camera.silent, 2)
    packets = viewer.packets
    await asyncio.sleep(0.9)
    assert viewer.packets == packets
    assert camera.silent()
    await camera.until(lambda: camera.server.all(Status)[-1].viewers == 0)


async def test_viewers_who_come_and_go_leave_nothing_behind(camera: Camera) -> None:
    async def visit(who: str) -> None:
        async with watching(camera.server, who) as viewer:
            await camera.until(lambda: viewer.frames >= 2)

    async with watching(camera.server) as lasting:
        await camera.until(lambda: lasting.frames >= 2)
        before = descriptors(camera.live.pid), threads(camera.live.pid)
        for _ in range(3):
            await asyncio.gather(*(visit(f"{name}@example.com/x") for name in "abc"))
        await camera.until(lambda: descriptors(camera.live.pid) <= before[0] + 2, 5)
        await camera.until(lambda: threads(camera.live.pid) <= before[1] + 4, 30)
    await camera.until(camera.silent, 3)
    assert camera.recorder.exit_code is None


async def test_a_viewer_whose_connection_to_the_room_is_gone_gets_no_more_media(camera: Camera) -> None:
    async with watching(camera.server, goodbye=False) as viewer:
        await camera.until(lambda: viewer.frames >= 3)
        await camera.server.say(Offline(jid="carol@example.com/x"))
        await camera.server.say(Offline(jid=BOB))
        await camera.until(camera.silent, 1)


async def test_media_to_a_viewer_that_vanishes_stops_within_15_s(camera: Camera) -> None:
    async with watching(camera.server, goodbye=False) as viewer:
        await camera.until(lambda: viewer.frames >= 3)
        viewer.vanish()
        vanished = time.monotonic()
        await camera.until(camera.silent, 15)
        assert time.monotonic() - vanished > 2, "it must be the silence that was noticed"
    assert any("heard" in one.reason for one in camera.server.all(Hangup))


async def test_a_session_lives_on_while_the_room_is_away(camera: Camera) -> None:
    async with watching(camera.server) as viewer:
        await camera.until(lambda: viewer.frames >= 3)
        await camera.server.cameras[-1].close()
        frames = viewer.frames
        await camera.until(lambda: viewer.frames >= frames + 10)
        await camera.until(lambda: camera.server.connections == 2, 5)


@pytest.mark.parametrize("camera", [{"keyframe_ms": 10_000}], indirect=True)
async def test_a_viewer_who_lost_packets_gets_a_keyframe(camera: Camera) -> None:
    """By itself the next one would come ten seconds after the first."""
    async with watching(camera.server) as viewer:
        await camera.until(lambda: viewer.frames >= 5)
        for count in (viewer.keyframes + 1, viewer.keyframes + 2):
            viewer.ask_keyframe()
            await camera.until(lambda count=count: viewer.keyframes >= count, 3)
        assert time.monotonic() - viewer.first_frame_at < 10, "they would have come by themselves"


async def test_killed_while_watched_it_costs_no_frame_and_is_called_again(camera: Camera) -> None:
    async with watching(camera.server) as viewer:
        await camera.until(lambda: viewer.frames >= 3)
        camera.live.end(signal.SIGKILL)
    again = LiveProcess(camera.recorder.state)
    try:
        await camera.until(lambda: camera.server.connections == 2, 5)
        async with watching(camera.server) as viewer:
            await camera.until(lambda: viewer.frames >= 3, 5)
    finally:
        assert again.end() == 0
    assert camera.recorder.end() == 0
    assert camera.recorder.gaps() == []


async def test_a_live_process_that_stood_still_shows_the_present_again(camera: Camera) -> None:
    async with watching(camera.server) as viewer:
        await camera.until(lambda: viewer.frames >= 3)
        os.kill(camera.live.pid, signal.SIGSTOP)
        await asyncio.sleep(0.9)
        os.kill(camera.live.pid, signal.SIGCONT)
        frames = viewer.frames
        await camera.until(lambda: viewer.frames >= frames + 12)


async def test_new_settings_are_written_told_to_the_recorder_and_end_sessions_with_a_reason(camera: Camera) -> None:
    changed = msgspec.structs.replace(SETTINGS, width=160, height=120)
    async with watching(camera.server) as viewer:
        await camera.until(lambda: viewer.frames >= 3)
        await camera.server.say(SettingsChanged(settings=changed))
        await camera.until(lambda: "picture changed" in viewer.hung_up)
    async with watching(camera.server) as viewer:
        await camera.until(lambda: viewer.frames >= 3)
    written = msgspec.json.decode((camera.recorder.state / "settings.json").read_bytes())
    assert (written["width"], written["height"]) == (160, 120)


async def test_nonsense_from_a_viewer_ends_its_session_only(camera: Camera) -> None:
    async with watching(camera.server) as viewer:
        await camera.until(lambda: viewer.frames >= 3)
        await camera.server.say(Call(session="mallory-1234", to=camera.server.jid, from_="mallory@example.com/x"))
        await camera.until(lambda: any(one.session == "mallory-1234" for one in camera.server.all(Offer)))
        await camera.server.say(
            IceCandidate(session="mallory-1234", candidate="candidate:\r\n", from_="mallory@example.com/x")
        )
        await camera.server.say(
            Answer(session="mallory-1234", sdp="v=0\r\n" + "m=video x\r\n" * 50, from_="mallory@example.com/x")
        )
        await camera.until(lambda: any(one.session == "mallory-1234" for one in camera.server.all(Hangup)))
        frames = viewer.frames
        await camera.until(lambda: viewer.frames >= frames + 5)


# ---------------------------------------------------------------- without a recorder


class Signalling:
    """Sessions of a camera whose recorder is not there."""

    def __init__(self, state: Path) -> None:
        self.sent: list[Message] = []
        nothing = lambda *_: None  # noqa: E731
        frames = Frames(State(state).live_socket, on_stream=nothing, on_frame=nothing, on_event=nothing)
        self.sessions = Sessions(frames, self.sent.append, nothing)

    def call(self, number: int, who: str = BOB) -> None:
        self.sessions.call(Call(session=f"session-{number}", to="cam001@studio.loc", from_=who))

    def reasons(self) -> list[str]:
        return [message.reason for message in self.sent if isinstance(message, Hangup)]


async def test_one_person_watches_a_camera_in_few_places_only(tmp_path: Path) -> None:
    camera = Signalling(tmp_path)
    for number in range(SESSIONS_PER_VIEWER_MAX + 1):
        camera.call(number, f"bob@example.com/tab{number}")
    assert len(camera.sessions) == SESSIONS_PER_VIEWER_MAX
    assert "Close one of them" in camera.reasons()[0]
    camera.sessions.hangup(Hangup(session="session-0"))
    camera.call(99)
    assert len(camera.sessions) == SESSIONS_PER_VIEWER_MAX


async def test_a_camera_serves_so_many_and_says_so(tmp_path: Path) -> None:
    camera = Signalling(tmp_path)
    for number in range(SESSIONS_MAX + 1):
        camera.call(number, f"viewer{number}@example.com/x")
    assert len(camera.sessions) == SESSIONS_MAX
    assert "Try again later" in camera.reasons()[0]


async def test_the_same_call_twice_is_one_session(tmp_path: Path) -> None:
    camera = Signalling(tmp_path)
    camera.call(1)
    camera.call(1)
    assert (len(camera.sessions), camera.sent) == (1, [])


async def test_without_a_picture_the_viewer_hears_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ucam_agent.session.PICTURE_WITHIN_S", 0.1)
    camera = Signalling(tmp_path)
    camera.call(1)
    await Server().until(camera.reasons, 5)
    assert camera.reasons() == ["The camera has no picture at the moment."]
    assert len(camera.sessions) == 0


async def test_messages_of_unknown_sessions_change_nothing(tmp_path: Path) -> None:
    camera = Signalling(tmp_path)
    camera.sessions.answer(Answer(session="unknown-1", sdp="v=0"))
    camera.sessions.candidate(IceCandidate(session="unknown-1", candidate="candidate:1"))
    camera.sessions.hangup(Hangup(session="unknown-1"))
    assert camera.sent == []
