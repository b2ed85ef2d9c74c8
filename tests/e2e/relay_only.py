"""A scene for networks of its own (`unshare -rn`): camera and viewer each know the way to the server only.

Run by test_relay_only.py; says as JSON on its last line how the picture came.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.e2e.conftest import CHROMIUM, FLAGS, sign_in
from tests.e2e.cut_network import ip
from tests.e2e.stack import AGENT, Agent, Process, Stack, StackFailed, until

SETTINGS = {"source": {"kind": "test"}, "width": 320, "height": 240, "fps": 10, "bitrate_kbit": 300, "chunk_s": 10}
# In the middle the server has the first address of each network and forwards nothing.
CAMERA, VIEWER, BOTH = "10.78.0", "10.79.0", "10.78.0.0/15"
RELAY = "turn:10.78.0.1:3478?transport=udp"
PATH_OF_PICTURE = """async jid => {
  const stats = [...(await window.ucam.sessions.get(jid).getStats()).values()];
  const pair = stats.find(one => one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded');
  const kind = id => stats.find(one => one.id === id)?.candidateType ?? '';
  const frames = stats.find(one => one.type === 'inbound-rtp' && one.kind === 'video')?.framesDecoded ?? 0;
  return pair ? {local: kind(pair.localCandidateId), remote: kind(pair.remoteCandidateId), frames} : null;
}"""


class Network:
    """A network namespace whose only other end is the middle."""

    def __init__(self, name: str, prefix: str) -> None:
        self._holder = subprocess.Popen(["unshare", "-n", "sleep", "1200"])
        self.inside = ["nsenter", "--net", "--target", str(self._holder.pid)]
        middle = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink(f"/proc/{self._holder.pid}/ns/net") != middle, "a network of its own")
        ip(f"link add {name}0 type veth peer name {name}1")
        ip(f"link set {name}1 netns {self._holder.pid}")
        ip(f"addr add {prefix}.1/24 dev {name}0")
        ip(f"link set {name}0 up")
        for words in ("link set lo up", f"addr add {prefix}.2/24 dev {name}1", f"link set {name}1 up",
                      f"route add default via {prefix}.1"):  # fmt: skip
            subprocess.run([*self.inside, "ip", *words.split()], check=True)

    def reaches(self, address: str) -> bool:
        """Whether a packet comes through: a closed port refuses, a missing way does not."""
        program = f"import socket; socket.create_connection(({address!r}, 9), 2)"
        done = subprocess.run([*self.inside, sys.executable, "-c", program], capture_output=True, text=True)
        return "ConnectionRefusedError" in done.stderr

    def close(self) -> None:
        """Its processes have ended before."""
        self._holder.kill()
        self._holder.wait(10)


class FarAgent(Agent):
    """The camera, in a network of its own."""

    network: Network

    def command(self, *words: str) -> str:
        """Output of `ucam-agent WORDS` there."""
        argv = [*self.network.inside, str(AGENT), "--state", str(self.state), *words]
        done = subprocess.run(argv, env=dict(self._env), capture_output=True, text=True)
        if done.returncode:
            raise StackFailed(f"ucam-agent {words[0]}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self) -> None:
        argv = [*self.network.inside, str(AGENT), "--state", str(self.state), "run"]
        self.process = Process(argv, self._env, self.state.with_name("agent.log"))


def relay(stack: Stack, folder: Path) -> Process:
    """coturn as `manage.py turn_config` says; the two networks are allowed by name."""
    file = folder / "turnserver.conf"
    stack.manage("turn_config", "--local", BOTH, "--output", str(file))
    words = ["-c", str(file), "--userdb", str(folder / "turn.db"), "--pidfile", str(folder / "turn.pid")]
    binary = shutil.which("turnserver", path=f"{os.environ['PATH']}:/usr/bin:/usr/sbin")
    assert binary, "turnserver is missing: run script/test, which installs coturn."
    return Process([binary, *words, "--log-file", "stdout"], stack.env, folder / "relay.log")


def far_browser(folder: Path, network: Network) -> Path:
    """A program that is Chromium in a network of its own."""
    script = folder / "chromium"
    script.write_text(f'#!/bin/sh\nexec {" ".join(network.inside)} {CHROMIUM} "$@"\n')
    script.chmod(0o700)
    return script


def scene(page: Page, stack: Stack) -> dict[str, object]:
    """How the picture came, and that it moves."""
    page.goto(f"/cameras/{stack.camera_jid}/")
    expect(page.locator("#stage")).to_have_attribute("data-live", "live", timeout=120_000)
    found: dict[str, object] = {}

    def moves() -> bool:
        found.update(page.evaluate(PATH_OF_PICTURE, stack.camera_jid) or {})
        return int(str(found.get("frames", 0))) >= 10

    until(moves, "ten pictures by way of the relay", 60)
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    ip("link set lo up")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
    camera, viewer = Network("cam", CAMERA), Network("eye", VIEWER)
    stack = Stack(folder / "product", settings=SETTINGS, with_camera=False)
    stack.url = f"http://{VIEWER}.1:{stack.port}"
    stack.env |= {
        "UCAM_BIND": f"0.0.0.0:{stack.port}", "UCAM_URL": stack.url, "UCAM_TURN": RELAY, "UCAM_TURN_SECRET": "s" * 64,
    }  # fmt: skip
    far = FarAgent(stack.agent.state, stack.env)
    far.network = camera
    stack.agent = far
    relaying = None
    try:
        with stack, sync_playwright() as playwright:
            relaying = relay(stack, folder)
            stack.add_camera()
            browser = playwright.chromium.launch(executable_path=far_browser(folder, viewer), args=FLAGS)
            seen = scene(sign_in(browser, stack, "alice@example.com"), stack)
            browser.close()
            ways = {"viewer reaches server": viewer.reaches(f"{CAMERA}.1"), "camera": viewer.reaches(f"{CAMERA}.2")}
            print(json.dumps({**seen, **ways}))
    finally:
        if relaying:
            relaying.stop()
        camera.close()
        viewer.close()


if __name__ == "__main__":
    main()
