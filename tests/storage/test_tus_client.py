"""A standard tus client (tuspy), over HTTP, with nothing but a device token."""

from __future__ import annotations

import io
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from cameras.models import DeviceToken
from storage.models import Chunk
from tests.conftest import Cast
from tests.storage.footage import BOOT, TEN_O_CLOCK_MS, Footage

FACTS = {
    "boot": BOOT, "seq": "1", "run": "1", "started_ms": str(TEN_O_CLOCK_MS), "started_mono_ns": "1000000000",
    "clock": "synchronised",
}  # fmt: skip
PIECE = 20_000


@pytest.fixture
def token(lasting_cast: Cast) -> str:
    return DeviceToken.objects.issue(lasting_cast.camera)


def uploader(server: str, token: str, content: bytes, **more: Any) -> Any:
    client = TusClient(f"{server}/api/device/chunks/", headers={"Authorization": f"Bearer {token}"})
    told: dict[str, Any] = {"chunk_size": PIECE, "metadata": FACTS, "upload_checksum": True}
    return client.uploader(file_stream=io.BytesIO(content), **(told | more))


def stored(media: Path) -> bytes:
    """The bytes of the one chunk, which is closed."""
    chunk = Chunk.objects.get()
    assert chunk.state == Chunk.State.CLOSED
    return (media / chunk.path).read_bytes()


def test_a_chunk_is_shipped_interrupted_and_resumed(
    live_server: Any, token: str, footage: Footage, media: Path
) -> None:
    content = footage.chunk()
    first = uploader(live_server.url, token, content)
    first.upload(stop_at=3 * PIECE)
    assert Chunk.objects.get().bytes == 3 * PIECE
    again = uploader(live_server.url, token, content, url=first.url)  # asks how far it came, as after a restart
    assert again.offset == 3 * PIECE
    again.upload()
    assert stored(media) == content


def test_shipped_twice_it_is_there_once(live_server: Any, token: str, footage: Footage, media: Path) -> None:
    content = footage.chunk()
    addresses = set()
    for _ in range(2):
        one = uploader(live_server.url, token, content, retries=1, retry_delay=0)
        one.upload()
        addresses.add(one.url)
    assert len(addresses) == 1
    assert stored(media) == content


def test_what_changes_on_its_way_is_refused_and_sent_again(
    live_server: Any, token: str, footage: Footage, media: Path
) -> None:
    content = footage.chunk()
    with corrupting(live_server.url) as url, pytest.raises(TusUploadFailed) as refused:
        uploader(url, token, content).upload()
    assert (refused.value.status_code, b"checksum_wrong" in refused.value.response_content) == (460, True)
    assert Chunk.objects.get().bytes == 0
    with corrupting(live_server.url) as url:
        uploader(url, token, content, retries=1, retry_delay=0).upload()
    assert stored(media) == content


def test_what_is_no_footage_is_refused(live_server: Any, token: str) -> None:
    with pytest.raises(TusUploadFailed) as refused:
        uploader(live_server.url, token, b"<html>" * 10_000).upload()
    assert refused.value.status_code == 422
    with pytest.raises(TusCommunicationError) as unknown:
        uploader(live_server.url, "somebody-else", b"<html>").create_url()
    assert unknown.value.status_code == 401


@contextmanager
def corrupting(url: str) -> Iterator[str]:
    """The same server behind a line that changes one byte of the first body that passes."""
    host, port = url.removeprefix("http://").split(":")
    left = [1]

    class Line(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = bytearray(self.rfile.read(int(lengths[0].split(b":")[1]) if lengths else 0))
            if body and left:
                left.pop()
                body[len(body) // 2] ^= 1
            with socket.create_connection((host, int(port))) as behind:
                behind.sendall(head.replace(b"keep-alive", b"close") + b"\r\n" + body)
                while piece := behind.recv(65536):
                    self.wfile.write(piece)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
