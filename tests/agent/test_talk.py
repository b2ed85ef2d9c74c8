"""Talk to it: the camera answers in words those who may ask, where they asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from ucam_agent.talk import Command, Said, Talk
from ucam_protocol import Chat, Message, Status

from .conftest import MakeRecorder
from .recording import RecorderProcess
from .server import Server
from .watching import LiveProcess, enrolled

BOB = "bob@example.com/tab1"


class Room:
    """What the camera says to it."""

    def __init__(self) -> None:
        self.said: list[Chat] = []

        async def status(_rest: str) -> Said:
            return Said("I record.")

        async def blink(_rest: str) -> Said:
            return Said("I blink.")

        table = {"status": Command("watch", "how I am.", status), "blink": Command("operate", "light.", blink)}
        self.talk = Talk(table, self._take, lambda: "cam001@studio.loc/x1")

    def _take(self, message: Message) -> None:
        assert isinstance(message, Chat)
        self.said.append(message)

    async def ask(self, text: str, *may: str, to: str = "", sender: str = BOB) -> Chat | None:
        before = len(self.said)
        self.talk.heard(Chat(text=text, to=to, from_=sender, may=list(may)))
        for _ in range(5):
            await asyncio.sleep(0)
        return self.said[-1] if len(self.said) > before else None


@pytest.mark.parametrize("text", ["@cam001 status", "@CAM001@studio.loc, status", "@cam001 @cam002 Status"])
async def test_it_answers_in_the_room_where_it_is_named_first(text: str) -> None:
    answer = await Room().ask(text, "watch")
    assert answer is not None
    assert (answer.text, answer.to, answer.camera) == ("I record.", "", "")


async def test_it_answers_in_private_what_is_asked_in_private() -> None:
    answer = await Room().ask("status", "watch", to="cam001@studio.loc")
    assert answer is not None
    assert answer.to == "bob@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "Good morning, @cam001 status please",
        "what is wrong? @cam001: status!",
        "hello\n@cam001 status\nthanks",
        "(@cam001 help)",
    ],
)
async def test_a_question_may_stand_anywhere(text: str) -> None:
    assert await Room().ask(text, "watch") is not None


@pytest.mark.parametrize(
    "text",
    [
        "@cam001 there is a dog",
        "@cam001@yard.loc status",
        "what a @cam001 status quo",
        "mail bob@cam001 status",
        "shall @cam001 blink?",
    ],
)
async def test_it_keeps_quiet_when_it_is_only_spoken_of(text: str) -> None:
    assert await Room().ask(text, "watch", "operate") is None


async def test_it_does_not_answer_itself() -> None:
    assert await Room().ask("@cam001 status", "watch", sender="cam001@studio.loc/x1") is None


@pytest.mark.parametrize(("text", "may"), [("blink", ["watch"]), ("status", [])])
async def test_who_may_not_is_told_so(text: str, may: list[str]) -> None:
    answer = await Room().ask(f"@cam001 {text}", *may)
    assert answer is not None
    assert "Ask an operator for the right" in answer.text


async def test_help_and_its_bare_name_tell_what_it_knows() -> None:
    for text in ("@cam001 help", "@cam001"):
        answer = await Room().ask(text)
        assert answer is not None
        assert "status: how I am." in answer.text


@pytest.fixture
async def camera(make_recorder: MakeRecorder) -> AsyncIterator[tuple[Server, RecorderProcess, LiveProcess]]:
    async with Server() as server:
        recorder = make_recorder()
        enrolled(recorder.state, server)
        recorder.start()
        live = LiveProcess(recorder.state)
        try:
            await server.until(lambda: any(one.recording for one in server.all(Status)))
            yield server, recorder, live
        finally:
            live.end()


async def answer_to(server: Server, text: str, *may: str) -> Chat:
    before = len(server.all(Chat))
    await server.say(Chat(text=f"@cam001 {text}", from_=BOB, may=list(may)))
    await server.until(lambda: len(server.all(Chat)) > before, 20)
    return server.all(Chat)[-1]


async def test_a_real_camera_answers(camera: tuple[Server, RecorderProcess, LiveProcess]) -> None:
    server, recorder, live = camera
    assert "I record, and nobody watches live." in (await answer_to(server, "status", "watch")).text
    assert "MiB of recordings are on me" in (await answer_to(server, "spool", "watch")).text
    await server.until(lambda: any(upload.patches > 1 for upload in server.uploads.values()))
    picture = await answer_to(server, "snapshot", "watch")
    assert picture.camera == server.jid
    assert picture.at is not None
    assert abs(time.time() - datetime.fromisoformat(picture.at).timestamp()) < 60
    await answer_to(server, "blink", "operate")
    asked = json.loads((Path(recorder.state) / "status" / "identify.json").read_text())
    assert 0 < asked["until_mono_s"] - time.monotonic() <= 60
    assert "works" in (await answer_to(server, "selftest", "operate")).text.lower()
    assert "recording goes on" in (await answer_to(server, "restart", "operate")).text
    await server.until(lambda: not server.cameras)
    assert "asked for a restart of the live process" in live.log.read_text()


async def test_a_restart_of_the_recorder_is_a_gap_that_says_who_wanted_it(
    camera: tuple[Server, RecorderProcess, LiveProcess],
) -> None:
    server, recorder, _ = camera
    await answer_to(server, "restart recorder", "operate")
    await server.until(lambda: recorder.exit_code is not None)
    assert recorder.exit_code == 0
    recorder.start()
    gaps = await server.until(lambda: [gap for report in server.reports for gap in report["gaps"]])
    assert (gaps[0]["cause"], "somebody asked" in gaps[0]["detail"]) == ("recorder", True)
