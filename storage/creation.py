"""One POST of tus, from its headers (as CGI names them) to a chunk that is durable: how every chunk begins.

Both doors come here: Django's view (`tus.py`), and the process that nginx gives these requests to (`fragments.py`).
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime

from cameras.models import Camera
from storage.errors import HeaderInvalid, MetadataInvalid
from storage.ingest import begin
from storage.intake import Meta, upload_length
from storage.models import Chunk
from storage.placing import Told
from storage.quota import check_beginning

NUMBERS = {"seq": (1, 10**12), "run": (0, 10**12), "started_ms": (-(2**62), 2**62), "started_mono_ns": (0, 2**62)}


def create(camera: Camera, meta: Meta, now: datetime) -> Chunk:
    """The chunk of the told name; the same name again gives the same chunk. Raises what is wrong, and as `begin`."""
    length = upload_length(meta)
    if length is None and meta.get("HTTP_UPLOAD_DEFER_LENGTH") != "1":
        raise HeaderInvalid("Tell Upload-Length, or `Upload-Defer-Length: 1`.")
    told = read_metadata(meta.get("HTTP_UPLOAD_METADATA", ""))
    check_beginning(camera, now)
    return begin(camera, told, length, now)


def state_of(chunk: Chunk) -> dict[str, str]:
    """Offset and length as headers."""
    length = {"Upload-Defer-Length": "1"} if chunk.length is None else {"Upload-Length": str(chunk.length)}
    return {"Upload-Offset": str(chunk.bytes), **length}


def read_metadata(header: str) -> Told:
    """`Upload-Metadata`: pairs of a key and base64; unknown keys are ignored. Raises MetadataInvalid."""
    pairs = dict(part.strip().partition(" ")[::2] for part in header.split(",") if part.strip())
    try:
        values = {key: base64.b64decode(text, validate=True).decode() for key, text in pairs.items()}
    except (binascii.Error, ValueError) as error:
        raise MetadataInvalid("Upload-Metadata must be pairs of a key and base64 text.") from error
    boot, clock = values.get("boot", ""), values.get("clock", "")
    if not re.fullmatch(r"[0-9a-f]{32}", boot):
        raise MetadataInvalid("`boot` must be 32 small hexadecimal digits.")
    if clock not in Chunk.Clock.values:
        raise MetadataInvalid("`clock` must be synchronised or unsynchronised.")
    numbers = {key: number(key, values.get(key, "")) for key in NUMBERS}
    return Told(boot=boot, clock=Chunk.Clock(clock), **numbers)


def number(key: str, text: str) -> int:
    """A decimal of the metadata within its limits."""
    low, high = NUMBERS[key]
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not low <= int(text) <= high:
        raise MetadataInvalid(f"`{key}` must be a number from {low} to {high}, in decimal text.")
    return int(text)
