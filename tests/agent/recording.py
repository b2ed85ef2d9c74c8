"""A real recorder process, its socket and its chunks, as the tests of the agent use them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from ucam_agent.bootfile import KERNEL_BOOT_ID
from ucam_agent.readers import EVENT, FRAME, HEADER, HELLO, KEYFRAME, SETTINGS, WANT
from ucam_agent.stamp import Layout, read_stamp
from ucam_boxes import Fragment, read_init, whole_fragments

T = TypeVar("T")

ROOT = Path(__file__).parents[2]

SMALL = {
    "source": {"kind": "file", "name": "street.mp4", "stamp": True},
    "width": 320,
    "height": 240,
    "fps": 12,
    "bitrate_kbit": 300,
    "keyframe_ms": 500,
    "chunk_s": 10,
}


def until(look: Callable[[], T | None], what: str, seconds: float = 15) -> T:
    """What `look` answers as soon as it is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)
    return answer


def fill(disk: Path) -> None:
    """Somebody else takes what is left of a disk, to the last byte."""
    with open(disk / "somebody-elses", "ab") as file:
        while (free := os.statvfs(disk)).f_bavail:  # others may take and give back some meanwhile
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, free.f_bavail * free.f_frsize)


class RecorderProcess:
    """One recorder on a state directory."""

    def __init__(
        self,
        state: Path,
        module: str = "ucam_agent.recorder",
        media: Path | None = None,
        runtime: Path | None = None,
        **settings: Any,
    ) -> None:
        self.state, self._module, self._media, self._runtime = state, module, media, runtime
        self.log = state / "recorder.log"
        state.mkdir(mode=0o700, exist_ok=True)
        self.write_settings(**settings)
        self._process: subprocess.Popen[bytes] | None = None

    def write_settings(self, **settings: Any) -> None:
        (self.state / "settings.json").write_text(json.dumps({**SMALL, **settings}))

    def know_time(self) -> None:
        """As if the clock had been confirmed earlier in this boot, whatever this machine's kernel says of it."""
        facts = {
            "kernel_boot_id": KERNEL_BOOT_ID.read_text().strip(),
            "boot": uuid.uuid4().hex,
            "utc_minus_mono_ms": (time.time_ns() - time.monotonic_ns()) // 1_000_000,
        }
        (self.state / "spool").mkdir(mode=0o700, exist_ok=True)
        (self.state / "spool" / "boot.json").write_text(json.dumps(facts))

    def start(self) -> None:
        arguments = [sys.executable, "-m", self._module, "--state", str(self.state)]
        arguments += ["--media", str(self._media)] if self._media else []
        arguments += ["--runtime", str(self._runtime)] if self._runtime else []
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(arguments, stderr=log, cwd=ROOT)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        assert self._process
        return self._process.poll()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits for the exit code."""
        assert self._process
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(15)

    def close(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(15)

    def connect(self, *, frames: bool = False) -> Listener:
        path = (self._runtime or self.state) / "live.sock"
        return until(lambda: Listener.connect(path, frames), "live.sock")

    def chunks(self) -> list[Path]:
        return sorted(self.state.glob("spool/*/*.mp4"))

    def sidecars(self) -> list[dict[str, Any]]:
        found = (
            json.loads(path.read_text()) for path in self.state.glob("spool/*/*.json") if path.parent.name != "gaps"
        )
        return sorted(found, key=lambda sidecar: sidecar["started_mono_ns"])

    def gaps(self) -> list[dict[str, Any]]:
        found = (json.loads(path.read_text()) for path in self.state.glob("spool/gaps/*.json"))
        return sorted(found, key=lambda gap: gap["from_ms"])

    def fragments(self) -> int:
        return sum(len(fragments_of(path)) for path in self.chunks())


class Listener:
    """A reader of live.sock."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._heard = bytearray()

    @classmethod
    def connect(cls, path: Path, frames: bool) -> Listener | None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            return None
        listener = cls(connection)
        if frames:
            listener.say(WANT, b'{"frames":true}')
        return listener

    def say(self, kind: int, body: bytes = b"") -> None:
        self._connection.sendall(HEADER.pack(len(body), kind, 0, 0, 0, 0) + body)

    def ask_keyframe(self) -> None:
        self.say(KEYFRAME)

    def send_settings(self, **settings: Any) -> None:
        self.say(SETTINGS, json.dumps({**SMALL, **settings}).encode())

    def messages(self, seconds: float = 15) -> Iterator[tuple[int, int, int, int, bytes]]:
        """(type, flags, number, mono_ns, body) of what comes within so many seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            while len(self._heard) >= HEADER.size:
                length, kind, flags, _, number, mono_ns = HEADER.unpack_from(self._heard)
                if len(self._heard) < HEADER.size + length:
                    break
                body = bytes(self._heard[HEADER.size : HEADER.size + length])
                del self._heard[: HEADER.size + length]
                yield kind, flags, number, mono_ns, body
            self._connection.settimeout(left)
            try:
                heard = self._connection.recv(65536)
            except TimeoutError:
                return
            if not heard:
                return
            self._heard += heard

    def events(self, seconds: float = 15) -> Iterator[dict[str, Any]]:
        return (json.loads(body) for kind, *_, body in self.messages(seconds) if kind == EVENT)

    def event(self, name: str, seconds: float = 15, **wanted: Any) -> dict[str, Any]:
        """The next event of this name with these values."""
        for event in self.events(seconds):
            if event["event"] == name and wanted.items() <= event.items():
                return event
        raise AssertionError(f"no event {name} {wanted} within {seconds} s")

    def hello(self) -> dict[str, Any]:
        return next(json.loads(body) for kind, *_, body in self.messages() if kind == HELLO)

    def frames(self, count: int, seconds: float = 15) -> list[tuple[int, int, int, bytes]]:
        """(flags, number, mono_ns, content) of the next frames."""
        found: list[tuple[int, int, int, bytes]] = []
        for kind, flags, number, mono_ns, body in self.messages(seconds):
            if kind == FRAME:
                found.append((flags, number, mono_ns, body))
            if len(found) == count:
                return found
        raise AssertionError(f"{len(found)} frames instead of {count} within {seconds} s")

    def close(self) -> None:
        self._connection.close()


def fragments_of(path: Path) -> list[Fragment]:
    """The whole fragments of a chunk file."""
    with open(path, "rb") as file:
        head = file.read(65536)
        if len(head) < 16:
            return []
        init = read_init(head)
        return list(whole_fragments(file, init.size, init=init))


def stamps(path: Path, width: int = 320, height: int = 240) -> list[tuple[int, int]]:
    """(wall clock in ms, frame number) of every picture of a chunk, read from its pixels."""
    block = Layout.of(width, height).block
    crop = f"crop={width}:{2 * block}:0:0,format=gray"
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-vf", crop, "-fps_mode", "passthrough", "-f", "rawvideo", "-"]
    decoded = subprocess.run(command, capture_output=True, check=True)
    assert decoded.stderr == b""
    size = width * 2 * block
    return [read_stamp(decoded.stdout[at : at + size], width, block) for at in range(0, len(decoded.stdout), size)]


def numbers(paths: list[Path]) -> list[int]:
    """The frame numbers of these chunks, in order."""
    return [number for path in paths for _, number in stamps(path)]
