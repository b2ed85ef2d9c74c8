"""A simulated first boot: the real script and a real card against a running server; power and network fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import AGENT, Agent, Stack, StackFailed, until
from tests.firstboot.wire import Wire

JID = "cam001@studio.loc"
ARRIVED_S = 240  # on a machine that does much else


class Pi:
    """A root folder, a boot partition, and power that can be cut."""

    def __init__(self, folder: Path) -> None:
        self.root, self.boot = folder / "root", folder / "root" / "boot" / "firmware"
        self.boot.mkdir(parents=True)
        self.log = folder / "firstboot.log"
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        return self.root / "var/lib/ucam-agent"

    @property
    def enabled(self) -> bool:
        return (self.root / "etc/systemd/system/multi-user.target.wants/ucam-firstboot.service").is_symlink()

    def insert_card(self, stack: Stack, server: str) -> str:
        """The files that `prepare_card` makes; the server is reached by a wire. Answers the code."""
        stack.manage("prepare_card", str(self.boot), JID)
        file = self.boot / "ucam.toml"
        file.write_text(file.read_text().replace(stack.url, server))
        return file.read_text().split('code = "')[1].split('"')[0]

    def power_on(self) -> subprocess.Popen[bytes]:
        """What systemd does: bootcmd installs, then the unit's script runs."""
        here = ["--root", str(self.root), "--rehearsal", str(AGENT)]
        script = self.boot / "ucam_firstboot.py"
        subprocess.run([sys.executable, str(script), "install", *here], check=True)
        installed = self.root / "usr/local/lib/ucam/ucam_firstboot.py"
        argv = [sys.executable, str(installed), "run", *here, "--first-pause", "0.05", "--longest-pause", "0.2"]
        with open(self.log, "ab") as log:
            # A session of its own, so that the power goes for its children, too.
            self._running = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        return self._running

    def power_off(self) -> None:
        """SIGKILL to everything; may be called twice."""
        if self._running and self._running.poll() is None:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait(10)

    def ends(self) -> int:
        """The exit code, once the script is done."""
        assert self._running
        return self._running.wait(60)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("server"), with_camera=False) as running:
        source = json.dumps({"kind": "test", "pattern": "ball"})
        running.manage("add_camera", JID, "--source", source, "--width", "320", "--height", "240", "--fps", "10")
        yield running


@pytest.fixture
def pi(tmp_path: Path) -> Iterator[Pi]:
    made = Pi(tmp_path)
    yield made
    made.power_off()


@pytest.fixture
def wire(stack: Stack) -> Iterator[Wire]:
    with Wire(stack.url) as made:
        yield made


def arrive(stack: Stack, agent: Agent) -> None:
    """Until every step but the clock's is done; else a failure that tells the steps and the last words of all."""
    process, access = agent.process, stack.access_token()
    told: list[dict[str, Any]] = []
    assert process

    def arrived() -> bool:
        told[:] = stack.request("GET", f"/api/cameras/{JID}/arrival/", access=access)["steps"]
        return all(step["state"] == "ok" for step in told if step["step"] != "clock")

    try:
        until(arrived, "the camera has arrived", ARRIVED_S, alive=process.complaint, every_s=0.5)
    except StackFailed as error:
        logs = [file.read_text(errors="replace")[-3000:] for file in (process.log, stack.folder / "server.log")]
        status = json.dumps(agent.status())
        raise StackFailed("\n\n".join([str(error), *map(str, told), status, *logs])) from error


def test_a_first_boot_without_network_and_with_three_power_cuts_ends_recording(
    stack: Stack, pi: Pi, wire: Wire
) -> None:
    code = pi.insert_card(stack, wire.url)

    # The network is not there yet; the power goes while it tries.
    pi.power_on()
    until(lambda: wire.refused >= 3, "it tries again and again")
    pi.power_off()
    assert pi.enabled
    assert code in (pi.boot / "ucam.toml").read_text()

    # The network comes. The server has used the code up; the power goes before the answer arrives.
    lost: list[bytes] = []

    def cut(question: bytes) -> bool:
        if not question.startswith(b"POST /api/device/enrol/") or lost:
            return True
        lost.append(question)
        pi.power_off()
        return False

    wire.before_answer, wire.up = cut, True
    pi.power_on()
    until(lambda: bool(lost), "the code is sent")
    pi.ends()
    assert not (pi.state / "device.json").exists()

    # The identity is written; the power goes before the code is erased.
    pi.power_on()
    until((pi.state / "device.json").exists, "it is enrolled", every_s=0.005)
    pi.power_off()
    assert code in (pi.boot / "ucam.toml").read_text()
    assert pi.enabled
    identity = (pi.state / "device.json").read_text()

    pi.power_on()
    assert pi.ends() == 0
    assert json.loads(identity)["jid"] == JID
    assert (pi.state / "device.json").read_text() == identity
    assert not pi.enabled
    assert not [file for file in pi.root.rglob("*") if file.is_file() and code.encode() in file.read_bytes()]

    # The agent's own unit starts now.
    agent = Agent(pi.state, stack.env)
    agent.start()
    try:
        arrive(stack, agent)
    finally:
        agent.stop()


def test_once_done_it_stays_away(stack: Stack, pi: Pi, wire: Wire) -> None:
    wire.up = True
    pi.insert_card(stack, wire.url)
    pi.power_on()
    assert pi.ends() == 0
    subprocess.run(
        [
            sys.executable,
            str(pi.boot / "ucam_firstboot.py"),
            "install",
            "--root",
            str(pi.root),
            "--rehearsal",
            str(AGENT),
        ],
        check=True,
    )
    assert not pi.enabled


def test_a_refused_code_is_said_once_and_a_new_card_is_taken(stack: Stack, pi: Pi, wire: Wire) -> None:
    wire.up = True
    pi.insert_card(stack, wire.url)
    file = pi.boot / "ucam.toml"
    good = file.read_text()
    file.write_text(good.replace(good.split('code = "')[1].split('"')[0], "AAAA-BBBB-CCCC-DDDD"))
    pi.power_on()
    until(lambda: b"not known here" in pi.log.read_bytes(), "the refusal is said")
    file.write_text(good)
    assert pi.ends() == 0
    assert pi.log.read_text().count("not yet:") == 1


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (None, "There is no"),
        ("server = ", "cannot be read"),
        ('code = "AAAA-BBBB"\n', "cannot be read"),
        ('server = "file:///etc"\ncode = "AAAA-BBBB"\n', "names no server"),
        ('server = "http://127.0.0.1:9"\ncode = "$(reboot)"\n', "holds no code"),
        ('server = "http://127.0.0.1:9"\ncode = "--again"\n', "holds no code"),
        ('server = "http://127.0.0.1:9"\ncode = "used"\n', "Make a new one"),
    ],
)
def test_a_card_that_cannot_be_used_is_named(pi: Pi, card: str | None, said: str) -> None:
    if card is not None:
        (pi.boot / "ucam.toml").write_text(card)
    script = Path("agent/firstboot/ucam_firstboot.py").resolve()
    argv = [sys.executable, str(script), "run", "--once", "--root", str(pi.root), "--rehearsal", str(AGENT)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 1
    assert said in done.stderr
