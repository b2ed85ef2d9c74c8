"""HTTP doors of ingest: tus 1.0.0 with creation, creation-defer-length, checksum (tus.io)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, cast

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cameras.device import Device, DeviceAuthentication, IsDevice
from cameras.models import Camera, DeviceToken
from storage.errors import HeaderInvalid, MetadataInvalid, VersionUnknown
from storage.ingest import begin, find
from storage.intake import BODY_TYPE, CHECKSUMS, VERSION, read_name, take, upload_length
from storage.memory import Memory
from storage.models import Chunk
from storage.models.chunk import CHUNK_BYTES_MAX
from storage.placing import Told
from storage.quota import check_beginning

NUMBERS = {"seq": (1, 10**12), "run": (0, 10**12), "started_ms": (-(2**62), 2**62), "started_mono_ns": (0, 2**62)}


class AnyAccept(BaseContentNegotiation):
    """Whatever the client says it accepts: there is one form of the answer."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """The first."""
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """The first."""
        return renderers[0], renderers[0].media_type


class DeviceView(APIView):
    """A door for cameras only."""

    authentication_classes = (DeviceAuthentication,)
    permission_classes = (IsDevice,)
    content_negotiation_class = AnyAccept


class TusView(DeviceView):
    """What both addresses share."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """First who asks, then the version."""
        super().initial(request, *args, **kwargs)
        if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
            raise VersionUnknown()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Every answer says which tus this is."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Tus-Resumable"] = response["Tus-Version"] = VERSION
        response["Cache-Control"] = "no-store"
        return response

    @extend_schema(request=None, responses={204: None})
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """What this server can."""
        headers = {
            "Tus-Extension": "creation,creation-defer-length,checksum",
            "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
            "Tus-Max-Size": str(CHUNK_BYTES_MAX),
        }
        return Response(status=204, headers=headers)


class ChunksView(TusView):
    """Creation."""

    @extend_schema(request=None, responses={201: None})
    def post(self, request: Request) -> Response:
        """201 with the chunk's address; the same name again gives the same chunk."""
        length = upload_length(request.META)
        if length is None and request.headers.get("Upload-Defer-Length") != "1":
            raise HeaderInvalid("Tell Upload-Length, or `Upload-Defer-Length: 1`.")
        told = read_metadata(request.headers.get("Upload-Metadata", ""))
        check_beginning(camera_of(request), timezone.now())
        chunk = begin(camera_of(request), told, length, timezone.now())
        return Response(status=201, headers={"Location": f"{request.path}{chunk.name}", **state_of(chunk)})


class ChunkView(TusView):
    """One chunk of the device's own camera."""

    @extend_schema(request=None, responses={200: None})
    def head(self, request: Request, name: str) -> Response:
        """How far it has come."""
        return Response(status=200, headers=state_of(own_chunk(request, name)))

    @extend_schema(request={BODY_TYPE: bytes}, responses={204: None})
    def patch(self, request: Request, name: str) -> Response:
        """204 when the bytes are durable."""
        by = cast(DeviceToken, request.auth)
        size = take(Memory(), by, request.META, name, request._request.read, timezone.now())
        return Response(status=204, headers={"Upload-Offset": str(size)})


def camera_of(request: Request) -> Camera:
    """The camera that asks."""
    return cast(Device, request.user).camera


def own_chunk(request: Request, name: str) -> Chunk:
    """The camera's own chunk; what belongs to another camera does not exist."""
    boot, seq = read_name(name)
    chunk = find(camera_of(request), boot, seq)
    if chunk is None:
        raise Http404
    return chunk


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
