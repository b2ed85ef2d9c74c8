"""Bytes of stored chunks: by nginx where it stands in front and the file lies here, else by ourselves, in pieces."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import quote_etag

from storage.errors import OlderThanAllowed
from storage.models import Chunk
from storage.reading import Reader, open_chunk

PIECE_BYTES = 256 * 1024
TYPE = "video/mp4"
GRACE_MS = 10 * 60 * 1000  # a playlist that somebody just loaded must play, though its first seconds grow too old


@dataclass(frozen=True, slots=True)
class Bytes:
    """From `first` to before `end`."""

    first: int
    end: int


class Pieces:
    """Bytes of a file as an async iterator: Django makes one list of a synchronous one under ASGI."""

    def __init__(self, reader: Reader, wanted: Bytes) -> None:
        self.reader, self.wanted = reader, wanted

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = self.wanted.first
        while at < self.wanted.end:
            piece = await asyncio.to_thread(self.reader.read_at, at, min(PIECE_BYTES, self.wanted.end - at))
            if not piece:
                return
            at += len(piece)
            yield piece

    def close(self) -> None:
        """Give the file back; Django calls it when the answer is over, however it ended. May be called twice."""
        self.reader.close()


def read_range(header: str, size: int) -> Bytes | None:
    """The one range asked for (RFC 9110, 14.1.2), None for the whole; raises ValueError when it lies outside."""
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", header.strip())
    if not match or match[0].strip() == "bytes=-":
        return None  # several ranges or another unit: to be ignored
    first, last = match[1], match[2]
    if not first:
        wanted = Bytes(max(size - int(last), 0), size)
    else:
        wanted = Bytes(int(first), min(int(last) + 1, size) if last else size)
    if last and first and int(last) < int(first):
        return None
    if wanted.first >= wanted.end:
        raise ValueError("outside")
    return wanted


def answer_bytes(chunk: Chunk, range_header: str, oldest_byte: int) -> HttpResponseBase:
    """200, 206 or 416 with confirmed bytes of a chunk; beside its init nothing before `oldest_byte`."""
    try:
        wanted = read_range(range_header, chunk.bytes)
    except ValueError:
        response: HttpResponseBase = HttpResponse(status=416, content_type=TYPE)
        response["Content-Range"] = f"bytes */{chunk.bytes}"
        return _marked(response)
    asked = wanted or Bytes(0, chunk.bytes)
    if oldest_byte > chunk.init_bytes and asked.end > chunk.init_bytes and asked.first < oldest_byte:
        raise OlderThanAllowed()
    if settings.UCAM_ACCEL and chunk.moved_at is None:
        response = HttpResponse(content_type=TYPE)
        response["X-Accel-Redirect"] = f"/_media/{chunk.path}"
        return _marked(response)
    response = StreamingHttpResponse(Pieces(open_chunk(chunk), asked), status=206 if wanted else 200, content_type=TYPE)
    response["Content-Length"] = str(asked.end - asked.first)
    response["ETag"] = quote_etag(f"{chunk.pk}-{chunk.bytes}")
    if wanted:
        response["Content-Range"] = f"bytes {asked.first}-{asked.end - 1}/{chunk.bytes}"
    return _marked(response)


def _marked(response: HttpResponseBase) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, max-age=3600"
    response["X-Content-Type-Options"] = "nosniff"
    return response
