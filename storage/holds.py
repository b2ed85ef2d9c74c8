"""HTTP doors of holds: keep a range from deletion, look at what is kept, let it go."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import person
from cameras.api import camera_or_404
from cameras.models import Camera, Right
from cameras.models.alert import instant
from cameras.room.happened import happened
from storage.coverage import stored_spans
from storage.errors import HoldReleased, RangeInvalid
from storage.models import Chunk, Hold
from storage.models.chunk import ms_of
from storage.range import instant as asked_instant
from storage.range import text_of
from storage.spans import clipped, total_ms

LONGEST = timedelta(days=366)
FARTHEST = timedelta(days=3660)
PAGE = 200


class HoldForm(serializers.Serializer[dict[str, Any]]):
    """What to keep, why, until when."""

    camera = serializers.CharField(max_length=320, help_text="JID, for example cam001@studio.loc")
    from_ = serializers.DateTimeField()
    to = serializers.DateTimeField()
    reason = serializers.CharField(max_length=500, error_messages={"blank": "Say why: others will wonder."})
    until = serializers.DateTimeField(help_text="The hold ends by itself then.")

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        fields = super().get_fields()
        return {key.rstrip("_"): field for key, field in fields.items()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Times that make sense together."""
        check_range(attrs["from"], attrs["to"], LONGEST)
        if not timezone.now() < attrs["until"] <= timezone.now() + FARTHEST:
            raise RangeInvalid("`until` must be in the future, and no further than ten years away.")
        return attrs


def check_range(begin: datetime, end: datetime, longest: timedelta) -> None:
    """Raises RangeInvalid in words."""
    if begin >= end:
        raise RangeInvalid("`from` must come before `to`.")
    if end - begin > longest:
        raise RangeInvalid(f"This range is too long: at most {longest // timedelta(hours=1)} hours at once.")


class HoldAnswer(serializers.Serializer[dict[str, Any]]):
    """A hold as people see it."""

    id = serializers.IntegerField()
    camera = serializers.CharField()
    to = serializers.DateTimeField()
    owner = serializers.CharField()
    reason = serializers.CharField()
    until = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)
    released_by = serializers.CharField()
    active = serializers.BooleanField()
    stored_s = serializers.FloatField(required=False, help_text="Footage of the range that is stored; when placed.")
    bytes = serializers.IntegerField(required=False, help_text="Of the chunks that it keeps; when placed.")

    def get_fields(self) -> dict[str, Any]:
        """With `from`."""
        return {**super().get_fields(), "from": serializers.DateTimeField()}


class HoldsView(APIView):
    """All that the person may know of."""

    @extend_schema(
        parameters=[OpenApiParameter(name, str) for name in ("camera", "from", "to")] + [OpenApiParameter("all", bool)],
        responses={200: HoldAnswer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Active ones, newest first, at most 200; `?camera`, `?from&to` narrow it, `?all=1` adds those that ended."""
        now, user = timezone.now(), person(request)
        rows = Hold.objects.for_user(user).select_related("camera__location")
        if request.query_params.get("all") not in ("1", "true"):
            rows = rows.active(now)
        if jid := request.query_params.get("camera"):
            rows = rows.filter(camera=camera_or_404(Camera.objects.for_user(user), jid))
        begin, end = asked_instant(request, "from"), asked_instant(request, "to")
        rows = rows if begin is None else rows.filter(to_ms__gt=begin)
        rows = rows if end is None else rows.filter(from_ms__lt=end)
        return Response([described(hold, now) for hold in rows[:PAGE]])

    @extend_schema(request=HoldForm, responses={201: HoldAnswer})
    def post(self, request: Request) -> Response:
        """The new hold, and how much it keeps."""
        form = HoldForm(data=request.data)
        form.is_valid(raise_exception=True)
        asked, user, now = form.validated_data, person(request), timezone.now()
        camera = camera_or_404(Camera.objects.may(user, Right.HOLD), asked["camera"])
        begin, end = ms_of(asked["from"]), ms_of(asked["to"])
        hold = Hold.objects.place(camera, begin, end, user, asked["reason"], asked["until"])
        happened("hold", camera, asked["from"], asked["to"], by=user)
        return Response(described(hold, now) | kept_by(hold), status=201)


class HoldView(APIView):
    """One hold."""

    @extend_schema(responses={200: HoldAnswer})
    def get(self, request: Request, number: int) -> Response:
        """It, and how much it keeps."""
        hold = Hold.objects.for_user(person(request)).select_related("camera__location").filter(pk=number).first()
        if hold is None:
            raise Http404
        return Response(described(hold, timezone.now()) | kept_by(hold))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, number: int) -> Response:
        """Release it: 204; 409 when it was released before."""
        user = person(request)
        cameras = Camera.objects.may(user, Right.HOLD).order_by().values("pk")
        hold = Hold.objects.filter(pk=number, camera__in=cameras).select_related("camera__location").first()
        if hold is None:
            raise Http404
        if not hold.release(user, timezone.now()):
            raise HoldReleased()
        return Response(status=204)


def described(hold: Hold, now: datetime) -> dict[str, Any]:
    """As docs/protocol.md has it."""
    return {
        "id": hold.pk, "camera": str(hold.camera.jid), "from": text_of(hold.from_ms), "to": text_of(hold.to_ms),
        "owner": hold.owner, "reason": hold.reason, "until": instant(hold.until),
        "created_at": instant(hold.created_at), "released_at": instant(hold.released_at) or None,
        "released_by": hold.released_by, "active": hold.is_active(now),
    }  # fmt: skip


def kept_by(hold: Hold) -> dict[str, float | int]:
    """Seconds of the range that are stored, and the bytes of the chunks that reach into it."""
    spans = clipped(stored_spans(hold.camera, hold.from_ms, hold.to_ms), hold.from_ms, hold.to_ms)
    chunks = Chunk.objects.stored().filter(camera=hold.camera).within(hold.from_ms, hold.to_ms).order_by()
    return {"stored_s": total_ms(spans) / 1000, "bytes": chunks.aggregate(sum=Sum("bytes"))["sum"] or 0}
