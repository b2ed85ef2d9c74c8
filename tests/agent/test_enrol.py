"""A one-time code becomes an identity, or a sentence that says what to do."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest
from ucam_agent.config import State, read_device
from ucam_agent.enrol import enrol
from ucam_agent.errors import EnrolmentFailed
from ucam_protocol import decode_settings

from .server import SETTINGS, Server


async def test_the_identity_is_written_for_this_user_only(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    async with Server() as server:
        await asyncio.to_thread(enrol, state, server.url + "/", "code-1234")
        device = read_device(state)
    assert (device.jid, device.token, device.server) == ("cam001@studio.loc", "device-token", server.url)
    assert (device.room, device.storage) == (server.room_url, server.storage_url)
    assert stat.S_IMODE(state.device.stat().st_mode) == 0o600
    assert decode_settings(state.settings.read_bytes()) == SETTINGS


async def test_a_used_code_is_refused_in_the_servers_words(tmp_path: Path) -> None:
    async with Server() as server:
        await asyncio.to_thread(enrol, State(tmp_path), server.url, "code-1234")
        with pytest.raises(EnrolmentFailed, match=r"used already.*new code"):
            await asyncio.to_thread(enrol, State(tmp_path), server.url, "code-1234", again=True)
    assert read_device(State(tmp_path)).token == "device-token"


async def test_a_device_keeps_its_identity_unless_told_otherwise(tmp_path: Path) -> None:
    async with Server() as server:
        await asyncio.to_thread(enrol, State(tmp_path), server.url, "code-1234")
        server.codes, server.token = {"code-5678"}, "second"
        with pytest.raises(EnrolmentFailed, match="--again"):
            await asyncio.to_thread(enrol, State(tmp_path), server.url, "code-5678")
        assert server.codes == {"code-5678"}
        await asyncio.to_thread(enrol, State(tmp_path), server.url, "code-5678", again=True)
    assert read_device(State(tmp_path)).token == "second"


async def test_the_footage_of_one_camera_is_never_shipped_as_anothers(tmp_path: Path) -> None:
    state = State(tmp_path)

    async def become(server: Server, jid: str) -> None:
        server.jid, server.codes = jid, {"code-1234"}
        await asyncio.to_thread(enrol, state, server.url, "code-1234", again=True)

    async with Server() as server:
        await become(server, "cam001@studio.loc")
        footage = state.spool / ("a" * 32) / "00000001.mp4"
        footage.parent.mkdir()
        footage.write_bytes(b"of cam001")
        await become(server, "cam001@studio.loc")
        assert footage.exists()
        await become(server, "cam002@studio.loc")
        assert not list(state.spool.glob("*/*.mp4"))
        assert [path.name for path in (tmp_path / "set-aside").iterdir()] == ["cam001@studio.loc"]
        await become(server, "cam001@studio.loc")
        assert footage.read_bytes() == b"of cam001"


async def test_gaps_of_one_camera_are_never_told_as_anothers(tmp_path: Path) -> None:
    state = State(tmp_path)
    async with Server() as server:
        await asyncio.to_thread(enrol, state, server.url, "code-1234")
        (state.gaps / "one.json").write_text("{}")  # all its footage was shipped, this was not told yet
        for jid, there in (("cam002@studio.loc", []), ("cam001@studio.loc", ["one.json"])):
            server.jid, server.codes = jid, {"code-1234"}
            await asyncio.to_thread(enrol, state, server.url, "code-1234", again=True)
            state.make()
            assert [path.name for path in state.gaps.iterdir()] == there


async def test_a_device_that_records_is_stopped_before_it_gets_another_name(tmp_path: Path) -> None:
    state = State(tmp_path)
    async with Server() as server:
        await asyncio.to_thread(enrol, state, server.url, "code-1234")
        server.codes = {"code-5678"}
        state.status.write_text(json.dumps({"pid": os.getpid()}))
        with pytest.raises(EnrolmentFailed, match="Stop it first"):
            await asyncio.to_thread(enrol, state, server.url, "code-5678", again=True)
        assert server.codes == {"code-5678"}


async def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with Server() as server:
        pass
    with pytest.raises(EnrolmentFailed, match=rf"{server.url} cannot be reached"):
        await asyncio.to_thread(enrol, State(tmp_path), server.url, "code-1234")
    assert not State(tmp_path).device.exists()


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "://"])
async def test_what_is_no_address_is_said(tmp_path: Path, url: str) -> None:
    with pytest.raises(EnrolmentFailed, match="no address"):
        await asyncio.to_thread(enrol, State(tmp_path), url, "code-1234")


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b'{"jid": "x"}', b"[" * 70_000])
async def test_another_kind_of_server_is_no_traceback(tmp_path: Path, answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        with pytest.raises(EnrolmentFailed, match="Check the address"):
            await asyncio.to_thread(enrol, State(tmp_path), url, "code-1234")
