"""A clock that was wrong: recording never waited for it, and everything is placed right once it is known."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import ssl
import time
from pathlib import Path

import aiohttp
import pytest
from ucam_agent import report, wallclock
from ucam_agent.clock import Clock, mono_ms
from ucam_agent.connection import Connection
from ucam_agent.report import Reporter
from ucam_agent.shipper import Shipper
from ucam_agent.tus import Storage
from ucam_protocol import Status

from .conftest import MakeRecorder
from .server import Server
from .spooling import Spooling
from .watching import LiveProcess, enrolled

AHEAD_MS = 200 * 24 * 3600 * 1000


@pytest.fixture
def spooling(tmp_path: Path, muxed: bytes) -> Spooling:
    return Spooling(tmp_path / "spool", muxed)


async def test_gaps_are_told_by_the_servers_clock_once_it_is_known(spooling: Spooling) -> None:
    spooling.add(1)
    name = spooling.gap("camera")
    file = spooling.spool / "gaps" / f"{name}.json"
    mono_ns = time.monotonic_ns()
    told = json.loads(file.read_text()) | {"from_mono_ns": mono_ns - 5 * 10**9, "to_mono_ns": mono_ns}
    file.write_text(json.dumps(told))
    clock = Clock()
    clock.add(mono_ms() - 2, mono_ms(), time.time_ns() // 1_000_000 + AHEAD_MS)
    async with Server() as server, aiohttp.ClientSession() as http:
        storage = Storage(server.storage_url, "device-token", http)
        shipper = Shipper(spooling.spool, storage, lambda: None)
        reporter = Reporter(spooling.spool / "gaps", storage, shipper, clock, lambda: 2**30)
        tasks = [asyncio.create_task(shipper.run()), asyncio.create_task(reporter.run())]
        try:
            gap = (await server.until(lambda: [one for body in server.reports for one in body["gaps"]]))[0]
            anchor = (await server.until(lambda: [one for one in server.reports if "boot" in one["clock"]]))[0]["clock"]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert abs(gap["to_ms"] - time.time() * 1000 - AHEAD_MS) < 30_000
    assert gap["to_ms"] - gap["from_ms"] == 5000
    assert anchor["boot"] == spooling.boot
    by_mono_ms = anchor["utc_ms"] + (time.monotonic_ns() - anchor["mono_ns"]) // 1_000_000
    assert abs(by_mono_ms - time.time() * 1000 - AHEAD_MS) < 1000


@pytest.mark.parametrize("known", [True, False])
async def test_gaps_that_could_not_wait_say_when_they_were_by_the_monotonic_clock(
    spooling: Spooling, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    monkeypatch.setattr(report, "CLOCK_AWAITED_S", 0.0)
    monkeypatch.setattr(wallclock, "state", lambda: "synchronised" if known else "unsynchronised")
    spooling.add(1)
    ours, older = spooling.gap("camera"), spooling.gap("power")
    for name, boot in ((ours, spooling.boot), (older, "f" * 32)):
        file = spooling.spool / "gaps" / f"{name}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"boot": boot, "from_mono_ns": 5, "to_mono_ns": 7}))
    async with Server() as server, aiohttp.ClientSession() as http:
        storage = Storage(server.storage_url, "device-token", http)
        shipper = Shipper(spooling.spool, storage, lambda: None)
        shipper.backlog.scan()
        reporter = Reporter(spooling.spool / "gaps", storage, shipper, Clock(), lambda: 2**30)
        task = asyncio.create_task(reporter.run())
        try:
            told = await server.until(lambda: [one for body in server.reports for one in body["gaps"]])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    ends = {gap["id"]: (gap.get("from_mono_ns"), gap.get("to_mono_ns")) for gap in told}
    assert ends == {ours: (None, None) if known else (5, 7), older: (None, None)}


async def test_a_clock_behind_the_servers_is_marked_in_what_is_recorded(make_recorder: MakeRecorder) -> None:
    async with Server() as server:
        server.clock_ahead_ms = AHEAD_MS
        recorder = make_recorder()
        enrolled(recorder.state, server)
        recorder.start()
        live = LiveProcess(recorder.state)
        try:
            await server.until(lambda: any("slow" in one.parts["clock"].words for one in server.all(Status)))
            assert any(one.recording for one in server.all(Status))
            seen = len(recorder.sidecars())
            await server.until(lambda: len(recorder.sidecars()) > seen, 20)
            assert recorder.sidecars()[-1]["clock"] == "unsynchronised"
        finally:
            live.end()


def test_what_the_server_says_of_the_clock_counts_more_than_the_kernel() -> None:
    try:
        wallclock.judge(True)
        assert wallclock.state() == "synchronised"
        wallclock.judge(False)
        assert wallclock.state() == "unsynchronised"
    finally:
        wallclock.judge(None)
    assert wallclock.state() == wallclock.kernel_state()


async def test_a_certificate_out_of_its_time_is_told_as_a_matter_of_the_clock(tmp_path: Path) -> None:
    key, certificate, begun = tmp_path / "key.pem", tmp_path / "cert.pem", datetime.datetime.now(datetime.UTC)
    await _make_certificate(key, certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    listening = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=str(certificate))
    said: list[str] = []
    news = asyncio.Event()

    def told(words: str) -> None:
        said.append(words)
        news.set()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as http:
        url = f"wss://localhost:{port}/ws/room"
        room = Connection(
            url, "t", http, Clock(), on_message=lambda one: None, on_state=lambda state, words: told(words)
        )
        task = asyncio.create_task(room.run())
        await asyncio.wait_for(news.wait(), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    listening.close()
    assert "not valid on this device's date" in said[0]
    assert {str(begun.year), str(datetime.datetime.now(datetime.UTC).year)} & set(re.findall(r"\d{4}", said[0]))


async def _make_certificate(key: Path, certificate: Path) -> None:
    """One that has just run out (OpenSSL 3.5 makes none that ran out before it began)."""
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {key} -out {key}.csr "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost -days 1"
    )
    done = await asyncio.create_subprocess_exec(*command.split(), stderr=asyncio.subprocess.DEVNULL)
    assert await done.wait() == 0
    expired = f"openssl x509 -in {key}.csr -signkey {key} -days 0 -clrext -out {certificate}"
    extensions = key.with_suffix(".ext")
    extensions.write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:TRUE\n")
    done = await asyncio.create_subprocess_exec(
        *expired.replace("-clrext", f"-extfile {extensions}").split(), stderr=asyncio.subprocess.DEVNULL
    )
    assert await done.wait() == 0
