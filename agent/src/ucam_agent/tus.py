"""Storage, spoken to as tus 1.0.0 (https://tus.io/protocols/resumable-upload): one chunk is one upload."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from ucam_sentences import say, together

from .errors import (
    AgentError,
    ChecksumWrong,
    ChunkClosed,
    ChunkGone,
    ChunkRefused,
    ChunkUnknown,
    OffsetWrong,
    StorageAway,
    TokenRefused,
    ask_again,
    clock_words,
    reason_of,
)
from .wire import Wire

SILENT_S = 20.0  # a request may take as long as bytes move
REQUEST_WITHIN_S = 900.0
PIECE_BYTES = 16 * 1024
CONNECT_WITHIN_S = 8.0
RETRY_AFTER_MAX_S = 60.0
_ID = re.compile(r"^[A-Za-z0-9_.-]{1,100}$")
_REFUSED = together(
    say("Storage does not accept this camera's token: it was revoked or belongs to another server."), ask_again()
)


@dataclass(frozen=True, slots=True)
class Upload:
    """One chunk on storage: `offset` bytes of it are durable there; `length` is known once it is closed."""

    url: str
    offset: int
    length: int | None = None


class Storage:
    """Requests to storage with the device's token. Every failure is an AgentError whose class says what to do."""

    def __init__(self, base_url: str, token: str, http: aiohttp.ClientSession, wire: Wire | None = None) -> None:
        """`http` has `wire` for its connector's sockets; without one, a request has SILENT_S in all."""
        self._base_url = base_url if base_url.endswith("/") else base_url + "/"
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
        self._wire = wire
        self._timeout = aiohttp.ClientTimeout(total=None if wire else SILENT_S, sock_connect=CONNECT_WITHIN_S)

    async def create(self, facts: Mapping[str, str]) -> Upload:
        """The upload of a chunk with this metadata; the same one again when it exists."""
        metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in facts.items())
        headers = {"Upload-Metadata": metadata, "Upload-Defer-Length": "1"}
        answer = await self._request("POST", self._base_url + "chunks/", headers)
        name = urlsplit(answer.get("Location", "")).path.rstrip("/").rpartition("/")[2]
        if not _ID.match(name):
            raise StorageAway(say("Storage did not say where the chunk goes."))
        # The token goes only to where this device was enrolled, whatever host a proxy has written into Location.
        return Upload(f"{self._base_url}chunks/{name}", _number(answer, "Upload-Offset", 0), _length(answer))

    async def look(self, url: str) -> Upload:
        """How much of it is durable."""
        answer = await self._request("HEAD", url, {})
        return Upload(url, _number(answer, "Upload-Offset", None), _length(answer))

    async def append(
        self, url: str, offset: int, content: bytes, length: int | None = None, bytes_s: float | None = None
    ) -> int:
        """Add bytes at `offset`, with `length` the chunk is closed; returns the new offset. `bytes_s`: not faster."""
        digest = await asyncio.to_thread(hashlib.sha256, content) if content else hashlib.sha256()
        headers = {
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {base64.b64encode(digest.digest()).decode()}",
            "Content-Type": "application/offset+octet-stream",
        }
        if length is not None:
            headers["Upload-Length"] = str(length)
        answer = await self._request("PATCH", url, headers, content, bytes_s)
        # Its own word again: a page that says 200 to everything (a hotspot's, a proxy's) has stored nothing.
        return _number(answer, "Upload-Offset", None)

    async def report(self, body: bytes) -> Any:
        """Tell storage how things are on the camera; returns its JSON answer."""
        headers = {"Content-Type": "application/json"}
        answer = (await self._ask("POST", self._base_url + "report/", headers, body))[1]
        try:
            return json.loads(answer)
        except ValueError as error:
            raise StorageAway(say("Something else than storage answers at its address.")) from error

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes = b"", bytes_s: float | None = None
    ) -> Mapping[str, str]:
        """The headers of a good answer."""
        if not bytes_s or not content:
            return (await self._ask(method, url, headers, content))[0]
        sized = {**headers, "Content-Length": str(len(content))}
        return (await self._ask(method, url, sized, paced(content, bytes_s)))[0]

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | AsyncIterator[bytes]
    ) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of a good answer; raises the AgentError of any other, and of none."""
        request = self._answer(method, url, headers, data)
        try:
            if self._wire is None:
                return await request
            return await self._wire.patient(request, SILENT_S, REQUEST_WITHIN_S)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _away(error) from error

    async def _answer(
        self, method: str, url: str, headers: Mapping[str, str], data: bytes | AsyncIterator[bytes]
    ) -> tuple[Mapping[str, str], bytes]:
        whole = {**self._headers, **headers}
        async with self._http.request(
            method, url, data=data, headers=whole, timeout=self._timeout, allow_redirects=False
        ) as response:
            if response.status not in (200, 201, 204):
                raise await _refusal(response)
            return response.headers.copy(), await response.read()


async def paced(content: bytes, bytes_s: float) -> AsyncIterator[bytes]:
    """The same bytes, not faster than that: in small pieces, so that what else wants the network gets between."""
    begun_s = time.monotonic()
    piece = min(PIECE_BYTES, max(1024, int(bytes_s)))  # one a second at least: silence would count as a dead network
    for start in range(0, len(content), piece):
        await asyncio.sleep(max(0.0, begun_s + start / bytes_s - time.monotonic()))
        yield content[start : start + piece]


def _number(headers: Mapping[str, str], name: str, default: int | None) -> int:
    value = headers.get(name)
    if value is None and default is not None:
        return default
    if value is None or not value.isascii() or not value.isdigit() or len(value) > 18:
        raise StorageAway(say("Storage's answer has no proper {name}.", name=name))
    return int(value)


def _length(headers: Mapping[str, str]) -> int | None:
    return _number(headers, "Upload-Length", None) if "Upload-Length" in headers else None


async def _refusal(response: aiohttp.ClientResponse) -> AgentError:
    """What an answer other than success means for us."""
    code, message = await _said(response)
    status = response.status
    # Only storage's own word may cost footage: what a proxy or another server on its address says is trouble that ends.
    if code or "Tus-Resumable" in response.headers:
        if status == 401:
            return TokenRefused(_REFUSED)
        if refusal := _refusal_of(response, code):
            return refusal(message)
    words = together(message)
    if not code or status not in (429, 503):
        words = say("Storage answers {status}: {message}", status=status, message=together(message))
    return StorageAway(words, _retry_after_s(response.headers.get("Retry-After", "")))


def _refusal_of(response: aiohttp.ClientResponse, code: str) -> type[AgentError] | None:
    """What storage itself means by it; None when it is only away."""
    status = response.status
    if status == 403 and code == "chunk_closed":
        return ChunkClosed
    if status == 404 and response.method in ("HEAD", "PATCH"):
        return ChunkUnknown
    return {
        400: ChunkRefused,
        409: OffsetWrong,
        410: ChunkGone,
        413: ChunkRefused,
        415: ChunkRefused,
        422: ChunkRefused,
        460: ChecksumWrong,
    }.get(status)


async def _said(response: aiohttp.ClientResponse) -> tuple[str, str]:
    """Code and message of an error in our JSON form, or the status in words."""
    try:
        said = await response.json(content_type=None)
        return str(said["code"])[:60], str(said["message"])[:300]
    except (ValueError, TypeError, KeyError):
        return "", response.reason or "no reason given"


def _retry_after_s(text: str) -> float:
    return min(float(text), RETRY_AFTER_MAX_S) if text.isascii() and text.isdigit() else 0.0


def _away(error: BaseException) -> StorageAway:
    if isinstance(error, TimeoutError):
        return StorageAway(say("Storage gives no answer."))
    if words := clock_words(error):
        return StorageAway(words)
    if isinstance(error, aiohttp.ClientConnectorError):
        return StorageAway(say("Storage cannot be reached ({cause}).", cause=reason_of(error.os_error)))
    return StorageAway(say("Storage's answer broke off ({cause}).", cause=str(error) or type(error).__name__))
