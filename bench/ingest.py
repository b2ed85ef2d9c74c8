"""Durable ingest over HTTP: fragments a second and CPU a GB with 1, 10, 50 cameras, beside nginx DAV with fsync."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import aiohttp
import ucam_boxes

from bench.harness import UCAM, Row, Samples, alternate, cpu_s, report, rounds
from bench.measure.contestants import scratch
from bench.measure.recording import recorded
from tests.e2e.stack import Process, Stack, free_port, until

PEER = "nginx DAV, fsync"
LEVELS = (1, 10, 50)
WINDOW_S, WARM_UP_S = 5.0, 2.0
QUIET_S = 60.0  # at most, for the server's workers to have started
SECONDS = 60
TOKENS = """
from cameras.models import Camera, DeviceToken, Location
place = Location.objects.create(domain="bench.loc")
for number in range({count}):
    print("TOKEN", DeviceToken.objects.issue(Camera.objects.create(location=place, local=f"cam{{number:03d}}")))
"""
NGINX = """
daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/log; user root;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 9m; client_body_buffer_size 1m; client_body_temp_path {folder}/temp;
  server {{ listen 127.0.0.1:{port}; location / {{ root {folder}/files; dav_methods PUT; create_full_put_path on; }} }}
}}
"""
Sender = Callable[[aiohttp.ClientSession, int, int], Awaitable[int]]  # (http, camera, number) to bytes that are durable


class Camera:
    """One camera's endless chunks, each fragment (with its sum, which is the camera's work) a PATCH."""

    def __init__(self, url: str, token: str, pieces: list[tuple[bytes, str]]) -> None:
        self.url, self.pieces = url, pieces
        self.headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
        self.boot, self.seq, self.offset, self.at, self.where = os.urandom(16).hex(), 0, 0, 0, ""

    async def send(self, http: aiohttp.ClientSession) -> int:
        """The next fragment; the first of a chunk with its creation."""
        if not self.at:
            await self._begin(http)
        piece, digest = self.pieces[self.at]
        headers = {
            "Upload-Offset": str(self.offset), "Content-Type": "application/offset+octet-stream",
            "Upload-Checksum": f"sha256 {digest}",
        }  # fmt: skip
        self.offset, self.at = self.offset + len(piece), (self.at + 1) % len(self.pieces)
        if not self.at:
            headers["Upload-Length"] = str(self.offset)
        async with http.patch(self.url + self.where, data=piece, headers=self.headers | headers) as answer:
            if answer.status != 204:
                raise RuntimeError(await answer.text())
        return len(piece)

    async def _begin(self, http: aiohttp.ClientSession) -> None:
        self.seq, self.offset = self.seq + 1, 0
        facts = {
            "boot": self.boot, "seq": self.seq, "run": 1, "started_ms": int(time.time() * 1000) + self.seq * 60_000,
            "started_mono_ns": self.seq * 60 * 10**9, "clock": "synchronised",
        }  # fmt: skip
        told = ",".join(f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in facts.items())
        headers = self.headers | {"Upload-Metadata": told, "Upload-Defer-Length": "1"}
        async with http.post(f"{self.url}/api/device/chunks/", headers=headers) as answer:
            if answer.status != 201:
                raise RuntimeError(await answer.text())
            self.where = answer.headers["Location"]


async def pour(cameras: int, send: Sender, window_s: float = WINDOW_S) -> tuple[float, int]:
    """Fragments a second, and bytes, while so many cameras send as fast as they are answered."""
    ends_s, counts, sizes = time.monotonic() + window_s, [0] * cameras, [0] * cameras
    begun_s = time.monotonic()

    async def one(http: aiohttp.ClientSession, camera: int) -> None:
        while time.monotonic() < ends_s:
            sizes[camera] += await send(http, camera, counts[camera])
            counts[camera] += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await asyncio.gather(*(one(http, camera) for camera in range(cameras)))
    return sum(counts) / (time.monotonic() - begun_s), sum(sizes)


@contextmanager
def dav(folder: Path) -> Iterator[tuple[str, int]]:
    """nginx that takes PUT; its address and process number."""
    (folder / "files").mkdir(parents=True)
    port = free_port()
    (folder / "conf").write_text(NGINX.format(folder=folder, port=port))
    process = Process(["/usr/sbin/nginx", "-c", str(folder / "conf"), "-p", str(folder)], os.environ, folder / "out")
    try:
        until(lambda: (folder / "pid").exists() and (folder / "pid").stat().st_size, "nginx", 10, process.complaint)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.stop()


def main() -> None:
    count = rounds(7, 1)
    speed: dict[int, Samples] = {}
    cost: dict[int, Samples] = {level: {UCAM: [], PEER: []} for level in LEVELS}
    with scratch() as folder:
        pieces = pieces_of(recorded(folder / "chunk.mp4", SECONDS, 2000))
        limits = {"UCAM_CAMERA_RATE_BYTES": str(2**40), "UCAM_CAMERA_DAY_BYTES": str(2**50)}
        with Stack(folder, with_camera=False, env=limits) as stack, dav(folder / "dav") as (address, nginx_pid):
            said = stack.manage("shell", "-c", TOKENS.format(count=max(LEVELS)))
            tokens = [line.split()[1] for line in said.splitlines() if line.startswith("TOKEN")]
            told = [(one, base64.b64encode(hashlib.sha256(one).digest()).decode()) for one in pieces]
            cameras = [Camera(stack.url, token, told) for token in tokens]
            assert stack.server
            server_pid = stack.server.pid

            async def to_ucam(http: aiohttp.ClientSession, camera: int, number: int) -> int:
                return await cameras[camera].send(http)

            async def to_peer(http: aiohttp.ClientSession, camera: int, number: int) -> int:
                piece, name = pieces[number % len(pieces)], f"{camera}/{number}"
                async with http.put(f"{address}/{name}", data=piece) as answer:
                    if answer.status not in (201, 204):
                        raise RuntimeError(await answer.text())
                await asyncio.to_thread(sync, folder / "dav" / "files" / name)
                return len(piece)

            wait_until_quiet(server_pid)
            for level in LEVELS:
                print(f"{level} cameras", flush=True)
                for send in (to_ucam, to_peer):  # each camera's first chunk, and what is loaded once
                    asyncio.run(pour(level, send, WARM_UP_S))
                speed[level] = alternate(count, {
                    UCAM: partial(round_of, level, to_ucam, server_pid, cost[level][UCAM]),
                    PEER: partial(round_of, level, to_peer, nginx_pid, cost[level][PEER]),
                })  # fmt: skip
    rows = []
    for level in LEVELS:
        took = {name: [1000 / value for value in values] for name, values in speed[level].items()}
        rows.append(Row(f"a fragment, {level} cameras", "ms", took, ">= 0.7 times the peer's fragments a second",
                        at_most={"ratio": 1 / 0.7}, details={"fragments a second": speed[level]}))  # fmt: skip
        rows.append(Row(f"CPU a GB, {level} cameras", "s", cost[level], note="all processes of the server"))
    report("ingest", rows)


def round_of(level: int, send: Sender, pid: int, cost: list[float]) -> float:
    """Fragments a second; the CPU-seconds a GB go to `cost`."""
    os.sync()
    before_s = tree_cpu_s(pid)
    rate, size = asyncio.run(pour(level, send))
    cost.append((tree_cpu_s(pid) - before_s) / (size / 1e9))
    return rate


def wait_until_quiet(pid: int) -> None:
    """Until the server has started to its end: its workers load for seconds after its pages answer."""
    deadline = time.monotonic() + QUIET_S
    while time.monotonic() < deadline:
        before_s = tree_cpu_s(pid)
        time.sleep(1)
        if tree_cpu_s(pid) - before_s < 0.05:
            return
    print("The server did not come to rest.", flush=True)


def tree_cpu_s(pid: int) -> float:
    """Of a process and all below it."""
    try:
        numbers = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return cpu_s(pid) + sum(tree_cpu_s(number) for number in numbers)
    except OSError:
        return 0.0


def sync(file: Path) -> None:
    """What makes a new file durable: its bytes and its name."""
    for path in (file, file.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def pieces_of(path: Path) -> list[bytes]:
    """The fragments; the first with the init before it."""
    content = path.read_bytes()
    init = ucam_boxes.read_init(content)
    with path.open("rb") as file:
        found = list(ucam_boxes.whole_fragments(file, init.size, init=init))
    ends = [one.offset + one.size for one in found]
    return [content[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


if __name__ == "__main__":
    main()
