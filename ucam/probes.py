"""Asking whether a process of ours works: by a connection, a word, an HTTP status. None of these raises for "no"."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path


def connected(address: str | tuple[str, int]) -> socket.socket:
    """A connection to a unix path or to (host, port), with a short patience."""
    if isinstance(address, tuple):
        return socket.create_connection(address, timeout=0.5)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(0.5)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def answers(address: str | tuple[str, int]) -> bool:
    """Whether somebody listens there."""
    try:
        connected(address).close()
    except OSError:
        return False
    return True


def says(path: Path, question: bytes, answer: bytes) -> bool:
    """Whether the one behind this socket answers as it should."""
    try:
        with connected(str(path)) as connection:
            connection.sendall(question)
            return connection.recv(64).startswith(answer)
    except OSError:
        return False


async def status_of(address: str | tuple[str, int], path: str) -> int:
    """The HTTP status of a path on this server, reached by a unix path or (host, port); 0 when there is no answer."""
    try:
        if isinstance(address, str):
            reader, writer = await asyncio.open_unix_connection(address)
        else:
            reader, writer = await asyncio.open_connection(*address)
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        line = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        return int(line.split()[1])
    except (OSError, TimeoutError, IndexError, ValueError):
        return 0
