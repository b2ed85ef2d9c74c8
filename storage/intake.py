"""One PATCH of tus, from its headers (as CGI names them) to bytes that are durable: the way of every fragment.

Both doors come here: Django's view (`tus.py`), and the process that nginx gives fragments to (`fragments.py`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.http import Http404

from cameras.models import Camera, DeviceToken
from storage.errors import (
    ChecksumWrong,
    HeaderInvalid,
    LengthRequired,
    OffsetWrong,
    StorageFailing,
    StorageWrongDisk,
    TooLarge,
    TypeUnsupported,
)
from storage.ingest import Body, Piece, append, find
from storage.memory import Memory
from storage.models import Chunk
from storage.models.chunk import CHUNK_BYTES_MAX
from storage.quota import check_bytes
from storage.volume import Volume

# tus demands SHA-1; against bytes that change on their way it is as good as any.
CHECKSUMS: dict[str, Callable[[Body], Any]] = {
    "sha256": hashlib.sha256,
    "sha1": partial(hashlib.sha1, usedforsecurity=False),
}
VERSION = "1.0.0"
PATCH_BYTES_MAX = 8 * 2**20
BODY_TYPE = "application/offset+octet-stream"
NAME = re.compile(r"([0-9a-f]{32})-(\d{1,15})")
Meta = Mapping[str, Any]  # of a request: HTTP_UPLOAD_OFFSET and the like


def take(memory: Memory, by: DeviceToken, meta: Meta, name: str, read: Callable[[int], Body], now: datetime) -> int:
    """Make the body durable; the chunk's bytes then. Raises what `ingest.append` does, and what is wrong with it."""
    boot, seq = read_name(name)
    camera = by.camera
    offset = decimal(meta, "Upload-Offset")
    known = None if offset is None else memory.take_chunk(camera, boot, seq, offset)
    chunk = known or _found(camera, boot, seq)
    if offset is None:
        raise HeaderInvalid("Upload-Offset is missing.")
    body = read_body(meta, read)
    check_bytes(camera, len(body), now, memory.arrived_on)
    check_sum(meta.get("HTTP_UPLOAD_CHECKSUM"), body)
    piece = Piece(offset, body, upload_length(meta), now, by)
    try:
        return _append(memory, chunk, piece)
    except (OffsetWrong, StorageFailing, StorageWrongDisk):
        if known is None:
            raise
        memory.forget_installation()
        return _append(memory, _found(camera, boot, seq), piece)  # what was remembered is no longer so


def _append(memory: Memory, chunk: Chunk, piece: Piece) -> int:
    with Volume(installation=memory.installation()) as volume:
        change = append(volume, chunk, piece)
    memory.keep_chunk(chunk)
    if change is not None and change.count:
        memory.keep_arrived(chunk.camera_id, piece.now.date(), change.day_bytes)
    return chunk.bytes


def _found(camera: Camera, boot: str, seq: int) -> Chunk:
    chunk = find(camera, boot, seq)
    if chunk is None:
        raise Http404
    return chunk


def read_name(name: str) -> tuple[str, int]:
    """Boot and number of a chunk's address; what is none does not exist."""
    match = NAME.fullmatch(name)
    if match is None:
        raise Http404
    return match[1], int(match[2])


def decimal(meta: Meta, header: str) -> int | None:
    """A header that is a number, None when it is missing; raises HeaderInvalid."""
    key = header.upper().replace("-", "_")
    text = meta.get(key if key == "CONTENT_LENGTH" else f"HTTP_{key}")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise HeaderInvalid(f"{header} must be a number, for example 1048576.")
    return int(text)


def upload_length(meta: Meta) -> int | None:
    """Upload-Length, if it is told."""
    length = decimal(meta, "Upload-Length")
    if length is not None and length > CHUNK_BYTES_MAX:
        raise TooLarge(f"A chunk has at most {CHUNK_BYTES_MAX} bytes.")
    if length == 0:
        raise HeaderInvalid("A chunk without bytes is none: Upload-Length must be more than 0.")
    return length


def read_body(meta: Meta, read: Callable[[int], Body]) -> Body:
    """All bytes of a PATCH."""
    if meta.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != BODY_TYPE:
        raise TypeUnsupported()
    length = decimal(meta, "Content-Length")
    if length is None:
        raise LengthRequired()
    if length > PATCH_BYTES_MAX:
        raise TooLarge(f"A PATCH has at most {PATCH_BYTES_MAX} bytes.")
    body = read(length + 1)
    if len(body) != length:
        raise HeaderInvalid(f"Content-Length says {length} bytes, {len(body)} came.")
    return body


def check_sum(header: str | None, body: Body) -> None:
    """`sha256 <base64>`, if told; raises ChecksumWrong, or HeaderInvalid for an unknown algorithm."""
    if header is None:
        return
    algorithm, _, text = header.partition(" ")
    if algorithm not in CHECKSUMS:
        raise HeaderInvalid("Upload-Checksum must be `sha256` or `sha1` and the base64 of the digest.")
    try:
        told = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise HeaderInvalid("The digest of Upload-Checksum is not base64.") from error
    if not hmac.compare_digest(told, CHECKSUMS[algorithm](body).digest()):
        raise ChecksumWrong()
