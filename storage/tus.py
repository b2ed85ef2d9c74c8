"""HTTP doors of ingest: tus 1.0.0 with creation, creation-defer-length, checksum (tus.io)."""

from __future__ import annotations

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
from storage.creation import create, state_of
from storage.errors import VersionUnknown
from storage.ingest import find
from storage.intake import BODY_TYPE, CHECKSUMS, VERSION, read_name, take
from storage.memory import Memory
from storage.models import Chunk
from storage.models.chunk import CHUNK_BYTES_MAX


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
        chunk = create(camera_of(request), request.META, timezone.now())
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
