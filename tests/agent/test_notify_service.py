"""The whole agent as systemd sees it: ready, alive, in trouble without storage, stopping."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[2] / "agent" / "src"
SETTINGS = {"source": {"kind": "test"}, "width": 320, "height": 240, "fps": 5, "bitrate_kbit": 200}


class Service:
    """`ucam-agent run` with somebody on NOTIFY_SOCKET."""

    def __init__(self, directory: Path, watchdog_s: float) -> None:
        state = directory / "state"
        state.mkdir()
        nowhere = dict.fromkeys(("server", "room", "storage"), "http://127.0.0.1:9/")
        (state / "device.json").write_text(json.dumps({"jid": "cam001@demo.loc", "token": "t" * 20, **nowhere}))
        (state / "settings.json").write_text(json.dumps(SETTINGS))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(directory / "notify"))
        named = {"NOTIFY_SOCKET": str(directory / "notify"), "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ucam_agent.cli", "--state", str(state), "run"],
            env={**os.environ, "PYTHONPATH": str(AGENT), **named},
            stdout=subprocess.DEVNULL,
        )

    def wait_for(self, wanted: str, within_s: float = 40) -> list[str]:
        """All that is heard up to that message."""
        end_s, heard = time.monotonic() + within_s, [""]
        while heard[-1] != wanted:
            self._socket.settimeout(max(0.01, end_s - time.monotonic()))
            heard.append(self._socket.recv(4096).decode())
        return heard[1:]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._socket.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path, watchdog_s=1.5)
    yield running
    running.close()


def test_systemd_hears_that_it_is_ready_lives_and_stops(service: Service) -> None:
    assert "READY=1" in service.wait_for("STATUS=Recording or storage is broken.")  # there is no storage
    service.wait_for("WATCHDOG=1")
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("STOPPING=1")
    assert service.process.wait(20) == 0
