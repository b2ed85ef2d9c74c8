"""Whether a relay gives this device a place, by a real one: coturn."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ucam_agent import relay
from ucam_agent.ice import TurnServer, turn_servers
from ucam_agent.relay import RelayRefused, RelaySilent
from ucam_protocol import IceServer

from .recording import until
from .server import Server
from .test_cli import ucam_agent
from .watching import enrolled

SECRET = "a secret of sixteen letters or more"
WHO = "cam001@studio.loc"


class Coturn:
    """Debian's relay on loopback, that takes credentials made with SECRET (draft-uberti-behave-turn-rest-00)."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.log = folder / "relay.log"
        binary = shutil.which("turnserver", path=f"{os.environ['PATH']}:/usr/bin:/usr/sbin")
        assert binary, "turnserver is missing: run script/test, which installs coturn."
        words = ["--use-auth-secret", f"--static-auth-secret={SECRET}", "--realm=studio.loc", "--fingerprint"]
        words += ["--no-cli", "--no-tls", "--no-dtls", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"]
        words += [f"--listening-port={self.port}", "--user-quota=1", "--log-file=stdout", "--simple-log"]
        words += [f"--userdb={folder / 'turn.db'}", f"--pidfile={folder / 'turn.pid'}", "-n"]
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen([binary, *words], stdout=log, stderr=log)
        until(lambda: _listens(self.port), "coturn listens")

    def server(self, secret: str = SECRET, for_s: int = 3600) -> IceServer:
        """As the room names it."""
        who = f"{int(time.time()) + for_s}:{WHO}"
        code = base64.b64encode(hmac.new(secret.encode(), who.encode(), hashlib.sha1).digest()).decode()
        return IceServer(urls=[f"turn:127.0.0.1:{self.port}?transport=udp"], username=who, credential=code)

    def turn(self, secret: str = SECRET, for_s: int = 3600) -> TurnServer:
        (found,) = turn_servers([self.server(secret, for_s)])
        return found

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _listens(port: int) -> bool:
    """On UDP; for TCP it is there sooner."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(line.split()[1] == f"0100007F:{port:04X}" for line in lines)


@pytest.fixture
def coturn(tmp_path: Path) -> Iterator[Coturn]:
    running = Coturn(tmp_path)
    yield running
    running.close()


async def place_within(turn: TurnServer, seconds: float) -> str:
    """A place as soon as there is one: coturn counts one that was given back for a moment longer."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await relay.allocate(turn)
        except RelayRefused as error:
            if "Allocation Quota Reached" not in error.message or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def test_a_place_is_given_and_given_back(coturn: Coturn) -> None:
    turn = coturn.turn()
    for _ in range(2):  # the quota is one place for each user, for ten minutes unless it is given back
        address, _, port = (await place_within(turn, 10)).rpartition(":")
        assert address == "127.0.0.1"
        assert int(port) >= 49152


@pytest.mark.parametrize(("secret", "for_s"), [("another secret", 3600), (SECRET, -10)])
async def test_credentials_that_do_not_hold_are_told(coturn: Coturn, secret: str, for_s: int) -> None:
    with pytest.raises(RelayRefused, match="does not accept the server's credentials") as refused:
        await relay.allocate(coturn.turn(secret, for_s))
    assert coturn.turn(secret, for_s).credential not in refused.value.message


async def test_a_relay_that_is_not_there_is_told() -> None:
    with pytest.raises(RelaySilent, match=r"Nothing listens at turn:127\.0\.0\.1"):
        await relay.allocate(TurnServer("127.0.0.1", _free_port(), "1:x", "y"))


async def test_a_firewall_that_swallows_everything_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "WAITS_S", (0.05, 0.1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hole:
        hole.bind(("127.0.0.1", 0))
        with pytest.raises(RelaySilent, match=r"gives no answer\. Check whether the relay runs, and open its UDP port"):
            await relay.allocate(TurnServer("127.0.0.1", hole.getsockname()[1], "1:x", "y"))
        assert hole.recv(100)[:2] == b"\0\x03", "an Allocate"


async def test_somebody_else_who_answers_is_no_relay(coturn: Coturn) -> None:
    """What answers must know the credential too: here an answer is changed on its way."""

    class Between(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, address: object) -> None:
            beyond.sendto(data, ("127.0.0.1", coturn.port))
            answer = bytearray(beyond.recv(2000))
            if answer[:2] == b"\x01\x03":
                answer[27] ^= 1  # within the address of the place
            self.transport.sendto(bytes(answer), address)  # type: ignore[attr-defined]

    loop, beyond = asyncio.get_running_loop(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    beyond.settimeout(5)
    transport, _ = await loop.create_datagram_endpoint(Between, local_addr=("127.0.0.1", 0))
    turn, (host, port) = coturn.turn(), transport.get_extra_info("sockname")
    try:
        with pytest.raises(RelayRefused, match="no relay that knows this camera"):
            await relay.allocate(TurnServer(host, port, turn.username, turn.credential))
    finally:
        transport.close()
        beyond.close()


async def doctor(folder: Path, server: Server) -> subprocess.CompletedProcess[str]:
    enrolled(folder, server)
    return await asyncio.to_thread(ucam_agent, "doctor", "--state", str(folder))


async def test_doctor_tries_the_relay_that_the_server_names(coturn: Coturn, tmp_path: Path) -> None:
    async with Server() as server:
        server.ice_servers = [IceServer(urls=["stun:127.0.0.1:3478"]), coturn.server()]
        done = await doctor(tmp_path / "s", server)
    line = next(line for line in done.stdout.splitlines() if line[4:9] == "relay")
    assert line.startswith(f"ok  relay     turn:127.0.0.1:{coturn.port} gives this camera a place (127.0.0.1:")
    assert coturn.server().credential not in done.stdout + done.stderr


async def test_doctor_names_a_relay_that_refuses(coturn: Coturn, tmp_path: Path) -> None:
    async with Server() as server:
        server.ice_servers = [coturn.server("another secret")]
        done = await doctor(tmp_path / "s", server)
    assert done.returncode == 1
    assert f"XX  relay     turn:127.0.0.1:{coturn.port} does not accept the server's credentials" in done.stdout


async def test_a_server_without_a_relay_is_no_trouble(tmp_path: Path) -> None:
    async with Server() as server:
        done = await doctor(tmp_path / "s", server)
    assert "ok  relay     The server names no relay" in done.stdout
