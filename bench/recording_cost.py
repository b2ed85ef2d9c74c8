"""What recording and shipping cost without encoding: an IP camera's stream, by ucam and by ffmpeg with curl."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.harness import Row, Samples, cpu_s, report, rounds
from bench.measure.contestants import Ucam, scratch
from bench.measure.memory import alone_kib
from tests.agent.ip_camera import IpCamera
from tests.e2e.stack import Process, Stack, until

KEYFRAME_S = 2
STREAM = ["--size", "1280x720", "--fps", "30", "--kbit", "2000", "--group", str(30 * KEYFRAME_S)]
WARM_S, WINDOW_S = 6.0, 30.0
OFTEN, SELDOM = "ffmpeg + curl, 2 s files", "ffmpeg + curl, 60 s files"


class Sink(BaseHTTPRequestHandler):
    """Takes what curl uploads, and forgets it."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Plain:
    """ffmpeg writes files of some seconds, curl uploads each as soon as it is whole. No fsync, no hash, no resuming."""

    def __init__(self, url: str, folder: Path, seconds: int) -> None:
        self._url, self._folder, self._seconds = url, folder, seconds
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.curl_s, self.uploads, self._ended = 0.0, 0, threading.Event()

    def start(self) -> None:
        """Returns when the first file is being written."""
        self._folder.mkdir()
        self._ended.clear()
        argv = ["ffmpeg", "-v", "error", "-rtsp_transport", "tcp", "-i", self._url, "-c", "copy", "-f", "segment"]
        argv += ["-segment_time", str(self._seconds), "-segment_list", str(self._folder / "list.csv")]
        argv += ["-segment_format_options", "movflags=+frag_keyframe+empty_moov+default_base_moof"]
        self._process = Process([*argv, str(self._folder / "%06d.mp4")], os.environ, self._folder / "ffmpeg.log")
        self._uploading = threading.Thread(target=self._upload)
        self._uploading.start()
        until(lambda: any(self._folder.glob("*.mp4")), "ffmpeg writes", 20, self._process.complaint)

    def _upload(self) -> None:
        done = 0
        while not self._ended.wait(0.1):
            listed = self._folder / "list.csv"
            lines = listed.read_text().splitlines() if listed.exists() else []
            for line in lines[done:]:
                file = self._folder / line.partition(",")[0]
                argv = ["curl", "-sf", "-T", str(file), f"http://127.0.0.1:{self._server.server_port}/"]
                curl = subprocess.Popen(argv)
                _, code, used = os.wait4(curl.pid, 0)
                curl.returncode = os.waitstatus_to_exitcode(code)
                self.curl_s += used.ru_utime + used.ru_stime
                self.uploads += curl.returncode == 0
                file.unlink()
            done = len(lines)

    def cpu_s(self) -> float:
        return cpu_s(self._process.pid) + self.curl_s

    def mib(self) -> float:
        return alone_kib([self._process.pid]) / 1024

    def stop(self) -> None:
        """May be called twice."""
        self._ended.set()
        self._uploading.join()
        self._process.stop()
        for file in self._folder.iterdir():
            file.unlink()
        self._folder.rmdir()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Recording:
    """The agent, without a viewer."""

    def __init__(self, ucam: Ucam) -> None:
        self._ucam = ucam

    def start(self) -> None:
        self._ucam.start()

    def cpu_s(self) -> float:
        return sum(self._ucam.cpu_s().values())

    def mib(self) -> float:
        return alone_kib(self._ucam.stack.agent.pids.values()) / 1024

    def stop(self) -> None:
        self._ucam.stop()


def measured(one: Recording | Plain) -> tuple[float, float]:
    """(CPU-seconds a minute, MiB) once it runs."""
    one.start()
    try:
        time.sleep(WARM_S)
        before, begun_s = one.cpu_s(), time.monotonic()
        time.sleep(WINDOW_S)
        return (one.cpu_s() - before) / (time.monotonic() - begun_s) * 60, one.mib()
    finally:
        one.stop()


def main() -> None:
    """Each in turn takes the same stream; the camera that encodes it is not counted."""
    count = rounds(3, 1)  # long ones
    with scratch() as folder:
        camera = IpCamera(folder, *STREAM)
        camera.start()
        settings = {"source": {"kind": "rtsp", "url": camera.url()}, "chunk_s": 60}
        plain = {name: Plain(camera.url(), folder / "plain", seconds) for name, seconds in ((OFTEN, 2), (SELDOM, 60))}
        try:
            with Stack(folder / "product", settings=settings) as stack:
                stack.agent.stop()
                ours = Recording(Ucam(stack))
                cpu, memory = take_turns(count, {"ucam": ours, **plain})
        finally:
            camera.close()
            for one in plain.values():
                one.close()
    assert plain[OFTEN].uploads, "the peer has uploaded nothing"
    recording = f"720p30, 2 Mbit/s by RTSP; {plain[OFTEN].uploads} uploads of 2 s by the peer"
    pair = {name: cpu[name] for name in ("ucam", OFTEN)}
    seldom = {name: cpu[name] for name in ("ucam", SELDOM)}
    report("recording_cost", [
        Row("recording and shipping, as safe as ucam against theft", "CPU-s/min", pair, "<= 2 times", recording,
            at_most={"ratio": 2}),
        Row("recording and shipping, a minute may be lost", "CPU-s/min", seldom, "", "for comparison"),
        Row("memory of all processes", "MiB", {name: memory[name] for name in ("ucam", OFTEN)}, "<= 130",
            "without curl", at_most={"max": 130}),
    ])  # fmt: skip


def take_turns(count: int, contestants: dict[str, Recording | Plain]) -> tuple[Samples, Samples]:
    """CPU-seconds a minute and MiB of each, round for round, in an order that turns."""
    cpu: Samples = {name: [] for name in contestants}
    memory: Samples = {name: [] for name in contestants}
    for number in range(count):
        for name in list(contestants)[:: 1 if number % 2 == 0 else -1]:
            seconds, mib = measured(contestants[name])
            cpu[name].append(seconds)
            memory[name].append(mib)
        print(
            f"  round {number + 1} of {count}: { ({n: round(statistics.median(v), 2) for n, v in cpu.items()}) }",
            flush=True,
        )
    return cpu, memory


if __name__ == "__main__":
    main()
