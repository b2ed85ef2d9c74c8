"""From `ucam-agent run` on a fresh state directory, without a network, to the first fragment that is durable."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from ucam_boxes import BoxesError, read_init, whole_fragments
from ucam_protocol import Settings

from bench.harness import Row, alternate, report, rounds
from bench.measure.contestants import scratch
from tests.agent.recording import Listener
from tests.e2e.stack import AGENT, Process, until

WITHIN_S = 20.0
PEER = "gst-launch mp4mux"
NOWHERE = {
    "jid": "cam001@studio.loc",
    "token": "none",
    "server": "http://192.0.2.1",
    "room": "ws://192.0.2.1/ws/room",
    "storage": "http://192.0.2.1/api/device/",
}


def without_network() -> list[str]:
    """A prefix that leaves a command no network at all, where the kernel lets us; else the addresses lead nowhere."""
    prefix = ["unshare", "--map-root-user", "--net"]
    return prefix if subprocess.run([*prefix, "true"], capture_output=True).returncode == 0 else []


def ucam(folder: Path) -> float:
    """Seconds until the recorder says that a fragment is durable."""
    state = folder / f"state-{time.monotonic_ns()}"
    state.mkdir(mode=0o700)
    (state / "device.json").write_text(json.dumps(NOWHERE))
    started = time.monotonic()
    process = Process([*without_network(), str(AGENT), "--state", str(state), "run"], os.environ, folder / "agent.log")
    try:
        listener = until(
            lambda: Listener.connect(state / "live.sock", frames=False), "live.sock", WITHIN_S, process.complaint
        )
        assert listener
        listener.event("fragment", WITHIN_S)
        took = time.monotonic() - started
        listener.close()
    finally:
        process.stop()
    return took


def gst_launch(folder: Path) -> float:
    """Seconds until a whole fragment is in the file; nobody has synced it."""
    settings, file = Settings(), folder / f"peer-{time.monotonic_ns()}.mp4"
    words = (
        "gst-launch-1.0 -q -e videotestsrc is-live=true "
        f"! video/x-raw,format=I420,width={settings.width},height={settings.height},framerate={settings.fps}/1 "
        f"! x264enc tune=zerolatency speed-preset=ultrafast bitrate={settings.bitrate_kbit} bframes=0 "
        f"key-int-max={settings.fps * settings.keyframe_ms // 1000} "
        "! video/x-h264,profile=constrained-baseline ! h264parse "
        f"! mp4mux fragment-duration={settings.keyframe_ms} ! filesink buffer-mode=unbuffered location={file}"
    ).split()
    started = time.monotonic()
    process = Process(words, os.environ, folder / "peer.log")
    try:
        until(lambda: has_fragment(file), "a fragment of the peer", WITHIN_S, process.complaint, every_s=0.02)
        took = time.monotonic() - started
    finally:
        process.stop()
        file.unlink(missing_ok=True)
    return took


def has_fragment(file: Path) -> bool:
    """Whether the file holds its init and one whole fragment."""
    try:
        with open(file, "rb") as content:
            init = read_init(content.read(65536))
            return next(iter(whole_fragments(content, init.size, init=init)), None) is not None
    except (OSError, BoxesError):
        return False


def main() -> None:
    """Both with the test picture, 720p30, 2 Mbit/s, a keyframe every 2 s: a fragment is that long, unless somebody asks
    for a keyframe before; the live process does, once it is connected, to learn the stream."""
    with scratch() as folder:
        samples = alternate(rounds(7, 2), {"ucam": lambda: ucam(folder), PEER: lambda: gst_launch(folder)})
    network = "without any network" if without_network() else "with addresses that lead nowhere"
    note = f"{network}; 2 s of the peer's is the fragment itself, which it does not sync"
    report("start", [Row("start to first durable fragment", "s", samples, "<= 5 s", note, at_most={"max": 5})])


if __name__ == "__main__":
    main()
