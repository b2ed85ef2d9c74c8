"""A wire between a Pi and the server that a test can cut: refuse, or let the question through and lose the answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from urllib.parse import urlsplit


class Wire:
    """Listens on a port of its own, also while it is cut: then each connection is closed at once."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.up = False
        self.refused = 0
        self.before_answer: Callable[[bytes], bool] = lambda question: True
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Wire:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self.up:
                self.refused += 1
                client.close()
                continue
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        """One question and its answer at a time; `before_answer` may see the question and drop the answer."""
        with client, socket.create_connection(self._target, 20) as server:
            client.settimeout(20)
            try:
                while question := client.recv(65536):
                    while not _whole(question):
                        question += client.recv(65536)
                    server.sendall(question)
                    answer = server.recv(65536)
                    if not self.before_answer(question):
                        return
                    client.sendall(answer)
                    server.settimeout(0.2)
                    self._rest(client, server)
                    server.settimeout(20)
            except OSError:
                return

    @staticmethod
    def _rest(client: socket.socket, server: socket.socket) -> None:
        try:
            while more := server.recv(65536):
                client.sendall(more)
        except TimeoutError:
            return


def _whole(question: bytes) -> bool:
    """Whether head and body are there."""
    head, end, body = question.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return bool(end) and len(body) >= (lengths[0] if lengths else 0)
