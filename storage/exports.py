"""HTTP doors of exports: ask, look how far it is, fetch, cancel."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from kombu.exceptions import OperationalError
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit import record, record_once
from accounts.authentication import person
from accounts.errors import TooMany
from accounts.models import AuditEntry, User
from cameras.api import camera_or_404
from cameras.models import Camera, Right
from cameras.models.alert import instant
from cameras.room.happened import happened
from storage.errors import ExportOver, LinkOver, OlderThanAllowed, RangeInvalid
from storage.export_words import words_of
from storage.holds import check_range
from storage.media import Bytes, Pieces, read_range
from storage.models import Export
from storage.models.chunk import instant_of, ms_of
from storage.range import text_of
from storage.reading import FileReader
from storage.tasks import make_exports
from storage.tus import AnyAccept

LONGEST = timedelta(days=31, hours=1)  # a month whose clocks are put back
CAMERAS_MAX = 64
UNFINISHED_MAX = 10  # of one person
PAGE = 100
LINK_S = 3600
ONE_FETCH = timedelta(minutes=10)
SALT = "storage.exports.download"
TYPES = {".mp4": "video/mp4", ".zip": "application/zip"}


class ExportForm(serializers.Serializer[dict[str, Any]]):
    """What to take away."""

    cameras = serializers.ListField(
        child=serializers.CharField(max_length=320), min_length=1, max_length=CAMERAS_MAX, help_text="JIDs"
    )
    from_ = serializers.DateTimeField()
    to = serializers.DateTimeField()
    exact = serializers.BooleanField(default=False, help_text="Cut at the very moment instead of at a keyframe.")
    archive = serializers.BooleanField(default=False, help_text="A zip with manifest also when one MP4 would do.")
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {key.rstrip("_"): field for key, field in super().get_fields().items()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Times that make sense together."""
        check_range(attrs["from"], attrs["to"], LONGEST)
        if attrs["from"] >= timezone.now():
            raise RangeInvalid("`from` is in the future: nothing is recorded yet.")
        return attrs


class ExportAnswer(serializers.Serializer[dict[str, Any]]):
    """An export as people see it."""

    id = serializers.UUIDField()
    owner = serializers.CharField()
    cameras = serializers.ListField(child=serializers.CharField())
    to = serializers.DateTimeField()
    exact = serializers.BooleanField()
    archive = serializers.BooleanField()
    reason = serializers.CharField()
    state = serializers.ChoiceField(choices=Export.State.choices)
    progress = serializers.FloatField(help_text="0 to 1")
    message = serializers.CharField()
    name = serializers.CharField()
    bytes = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    download = serializers.CharField(allow_null=True, help_text="A path that works for an hour, without a header.")

    def get_fields(self) -> dict[str, Any]:
        """With `from`."""
        return {**super().get_fields(), "from": serializers.DateTimeField()}


class ExportsView(APIView):
    """The person's exports."""

    @extend_schema(responses={200: ExportAnswer(many=True)})
    def get(self, request: Request) -> Response:
        """Newest first, at most 100; an operator sees all."""
        rows = Export.objects.for_user(person(request)).prefetch_related("cameras__location")
        return Response([described(export) for export in rows[:PAGE]])

    @extend_schema(request=ExportForm, responses={202: ExportAnswer})
    def post(self, request: Request) -> Response:
        """202: it is made by and by. What is stored of the range now stays until then."""
        form = ExportForm(data=request.data)
        form.is_valid(raise_exception=True)
        asked, user, now = form.validated_data, person(request), timezone.now()
        cameras = [
            camera_or_404(Camera.objects.may(user, Right.EXPORT), jid) for jid in dict.fromkeys(asked["cameras"])
        ]
        wish = {key: asked[key] for key in ("exact", "archive", "reason")}
        wish |= {"from_ms": ms_of(asked["from"]), "to_ms": min(ms_of(asked["to"]), ms_of(now))}
        for camera in cameras:
            check_age(camera, user, wish["from_ms"], now)
        if Export.objects.filter(user=user).unfinished().count() >= UNFINISHED_MAX:
            raise TooMany("You have enough exports on their way.", hint="Wait for them, or cancel some.")
        export = Export.objects.ask(user, cameras, **wish)
        for camera in cameras:
            happened("export", camera, instant_of(wish["from_ms"]), instant_of(wish["to_ms"]), by=user)
        transaction.on_commit(begin)
        return Response(described(export), status=202)


class ExportView(APIView):
    """One export."""

    @extend_schema(responses={200: ExportAnswer})
    def get(self, request: Request, number: str) -> Response:
        """How far it is; once done, with a link."""
        return Response(described(own(request, number)), headers={"Cache-Control": "no-store"})

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, number: str) -> Response:
        """Cancel it, or delete its file; 409 when it is over."""
        if not own(request, number).cancel(timezone.now()):
            raise ExportOver()
        transaction.on_commit(begin)
        return Response(status=204)


class DownloadView(APIView):
    """The file, by the link of the export: a browser's download sends no header, so the link itself is the key."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    content_negotiation_class = AnyAccept

    @extend_schema(
        parameters=[OpenApiParameter("key", str, required=True)],
        responses={(200, "video/mp4"): bytes, (206, "video/mp4"): bytes, (200, "application/zip"): bytes},
    )
    def get(self, request: Request, number: str) -> HttpResponseBase:
        """Bytes, whole or a range. The right is asked again."""
        try:
            known = signing.loads(request.query_params.get("key", ""), salt=SALT, max_age=LINK_S) == str(number)
        except signing.BadSignature as error:
            raise LinkOver() from error
        export = Export.objects.select_related("user").filter(pk=number).first() if known else None
        if export is None or not export.is_allowed():
            raise Http404
        if export.state != Export.State.DONE:
            raise ExportOver()
        header = request.headers.get("Range", "")
        told(export, header)
        return answer_file(export, header)


def told(export: Export, header: str) -> None:
    """Write into the trail that it is fetched: each time from its beginning, and of other parts once in a while."""
    facts = {"export": str(export.pk), "sha256": export.sha256}
    if not header or header.startswith("bytes=0-"):
        record(export.owner, AuditEntry.Action.DOWNLOAD, export.name, **facts)
    else:  # players and programs that go on with a download ask for many
        now = timezone.now()
        record_once(export.owner, AuditEntry.Action.DOWNLOAD, export.name, now, ONE_FETCH, range=header[:100], **facts)


def own(request: Request, number: str) -> Export:
    """The person's export; else 404."""
    export = Export.objects.for_user(person(request)).prefetch_related("cameras__location").filter(pk=number).first()
    if export is None:
        raise Http404
    return export


def check_age(camera: Camera, user: User, from_ms: int, now: datetime) -> None:
    """Raises OlderThanAllowed for who may see the last hours only."""
    since = camera.replay_since(user, now)
    if since is not None and from_ms < ms_of(since):
        raise OlderThanAllowed()


def begin() -> None:
    """Wake the worker; should the queue be away, the clock finds the export later."""
    with contextlib.suppress(OperationalError):
        make_exports.delay()


def described(export: Export) -> dict[str, Any]:
    """As docs/protocol.md has it."""
    key = signing.dumps(str(export.pk), salt=SALT)
    done = export.state == Export.State.DONE
    return {
        "id": str(export.pk), "owner": export.owner, "cameras": [str(camera.jid) for camera in export.cameras.all()],
        "from": text_of(export.from_ms), "to": text_of(export.to_ms), "exact": export.exact, "archive": export.archive,
        "reason": export.reason, "state": export.state, "progress": round(export.progress, 4),
        "message": words_of(export.message), "name": export.name, "bytes": export.bytes, "sha256": export.sha256,
        "created_at": instant(export.created_at), "finished_at": instant(export.finished_at) or None,
        "expires_at": instant(export.expires_at) or None,
        "download": f"/api/exports/{export.pk}/download/?key={key}" if done else None,
    }  # fmt: skip


def answer_file(export: Export, header: str) -> HttpResponseBase:
    """200, 206 or 416 with the finished file; by nginx where it stands in front."""
    kind, size = TYPES[export.file.suffix], export.bytes or 0
    if settings.UCAM_ACCEL:
        response: HttpResponseBase = HttpResponse(content_type=kind)
        response["X-Accel-Redirect"] = f"/_exports/{export.file.name}"
        return _marked(response, export)
    try:
        wanted = read_range(header, size)
    except ValueError:
        response = HttpResponse(status=416, content_type=kind)
        response["Content-Range"] = f"bytes */{size}"
        return _marked(response, export)
    asked = wanted or Bytes(0, size)
    try:
        descriptor = os.open(export.file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        raise ExportOver() from error
    response = StreamingHttpResponse(
        Pieces(FileReader(descriptor), asked), status=206 if wanted else 200, content_type=kind
    )
    response["Content-Length"] = str(asked.end - asked.first)
    if wanted:
        response["Content-Range"] = f"bytes {asked.first}-{asked.end - 1}/{size}"
    return _marked(response, export)


def _marked(response: HttpResponseBase, export: Export) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-store"
    response["Content-Disposition"] = f'attachment; filename="{export.name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Referrer-Policy"] = "no-referrer"
    return response
