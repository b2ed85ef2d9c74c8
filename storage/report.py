"""What a camera tells storage: gaps with their causes, what still waits in its spool, its clock."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from cameras.models import Camera
from cameras.room.happened import happened
from storage.models import Chunk, Gap, SpoolPeak, SpoolReport
from storage.models.chunk import instant_of
from storage.replacing import anchor_of, replace_boot, replace_gaps
from storage.tus import DeviceView, camera_of

GAPS_MAX = 1000
SPANS_MAX = 5000
DETAIL_CHARACTERS_MAX = 4000
WORTH_TELLING_MS = 2000
TOLD_AT_ONCE = 5
MONO_KEYS = ("from_mono_ns", "to_mono_ns")


def instant_ms(*, required: bool = True) -> serializers.IntegerField:
    """Milliseconds since 1970, however wrong the clock."""
    return serializers.IntegerField(min_value=-(2**62), max_value=2**62, required=required)


def mono_instant(*, allow_null: bool = False) -> serializers.IntegerField:
    """An instant on the monotonic clock of a boot."""
    return serializers.IntegerField(min_value=0, max_value=2**62, required=False, allow_null=allow_null)


class GapForm(serializers.Serializer[dict[str, Any]]):
    """One gap. Its ends on the monotonic clock of its boot, where the camera's clock was not known to be right."""

    id = serializers.RegexField(r"^[A-Za-z0-9._:-]{1,64}\Z")
    boot = serializers.RegexField(r"^[0-9a-f]{32}\Z", required=False, allow_blank=True, default="")
    cause = serializers.RegexField(r"^[a-z][a-z0-9_]{0,39}\Z")
    from_ms = instant_ms()
    to_ms = instant_ms()
    from_mono_ns = mono_instant(allow_null=True)
    to_mono_ns = mono_instant(allow_null=True)
    detail = serializers.JSONField(required=False)

    def validate_detail(self, detail: Any) -> Any:
        """Anything short that every database takes: no zero characters, no halves of surrogate pairs."""
        text = json.dumps(detail, ensure_ascii=False)
        if len(text) > DETAIL_CHARACTERS_MAX:
            raise serializers.ValidationError("This is too long.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise serializers.ValidationError("This is no Unicode text.") from error
        if "\\u0000" in text:
            raise serializers.ValidationError("This holds zero characters.")
        return detail


class ClosedForm(serializers.Serializer[dict[str, Any]]):
    """What the recorder counted in a finished chunk."""

    boot = serializers.RegexField(r"^[0-9a-f]{32}\Z")
    seq = serializers.IntegerField(min_value=1, max_value=10**12)
    frames = serializers.IntegerField(min_value=0, max_value=2**62)
    dropped = serializers.IntegerField(min_value=0, max_value=2**62)


class SpanForm(serializers.Serializer[dict[str, Any]]):
    """A stretch that is on the camera only."""

    from_ms = instant_ms()
    to_ms = instant_ms()


class SpoolForm(serializers.Serializer[dict[str, Any]]):
    """Bytes on the camera's disk."""

    bytes = serializers.IntegerField(min_value=0, max_value=2**62)
    quota_bytes = serializers.IntegerField(min_value=0, max_value=2**62, required=False, allow_null=True, default=None)


class ClockForm(serializers.Serializer[dict[str, Any]]):
    """The camera's clock against the server's."""

    synchronised = serializers.BooleanField()
    offset_ms = serializers.FloatField(required=False, allow_null=True, default=None)
    boot = serializers.RegexField(r"^[0-9a-f]{32}\Z", required=False)
    mono_ns = mono_instant()
    utc_ms = instant_ms(required=False)


class ReportForm(serializers.Serializer[dict[str, Any]]):
    """The whole report; each key may be missing."""

    gaps = serializers.ListField(child=GapForm(), required=False, max_length=GAPS_MAX, default=list)
    closed = serializers.ListField(child=ClosedForm(), required=False, max_length=GAPS_MAX, default=list)
    unshipped = serializers.ListField(child=SpanForm(), required=False, max_length=SPANS_MAX)
    spool = SpoolForm(required=False, allow_null=True)
    clock = ClockForm(required=False, allow_null=True)


class ReportView(DeviceView):
    """The camera's own ledger."""

    @extend_schema(request=ReportForm, responses={200: dict})
    def post(self, request: Request) -> Response:
        """The gaps that are kept here now."""
        form = ReportForm(data=request.data)
        form.is_valid(raise_exception=True)
        camera, now = camera_of(request), timezone.now()
        accepted = take(camera, form.validated_data, now)
        anchor = anchor_of(form.validated_data.get("clock"))
        if anchor is not None:
            replace_boot(camera, anchor, now)
            tell_gaps(camera, replace_gaps(camera, anchor, now))
        return Response({"accepted": accepted})


def tell_gaps(camera: Camera, gaps: list[Gap]) -> None:
    """Say in the room what was lost: not what is off by choice, not a blink, and of many the longest."""
    worth = [gap for gap in gaps if gap.state == "lost" and gap.to_ms - gap.from_ms >= WORTH_TELLING_MS]
    for gap in sorted(worth, key=lambda gap: gap.from_ms - gap.to_ms)[:TOLD_AT_ONCE]:
        with contextlib.suppress(OverflowError, ValueError):  # an instant that no calendar has
            happened("gap", camera, instant_of(gap.from_ms), instant_of(gap.to_ms), cause=gap.cause)


@transaction.atomic
def take(camera: Camera, report: dict[str, Any], now: datetime) -> list[str]:
    """Keep a report; telling it again changes nothing. Returns the ids of its gaps."""
    rows = [
        Gap(
            camera=camera, gap_id=gap["id"], boot=gap["boot"], cause=gap["cause"], from_ms=gap["from_ms"],
            to_ms=max(gap["from_ms"], gap["to_ms"]), detail=gap.get("detail", ""), reported_at=now,
            **({key: gap.get(key) for key in MONO_KEYS} if gap["boot"] else {}),
        )
        for gap in report["gaps"]
    ]  # fmt: skip
    known = set(
        Gap.objects.filter(camera=camera, gap_id__in=[row.gap_id for row in rows]).values_list("gap_id", flat=True)
    )
    Gap.objects.bulk_create(rows, ignore_conflicts=True)
    # What still lies where a wrong clock put it is told in the room once it is where it belongs.
    tell_gaps(camera, [row for row in rows if row.gap_id not in known and not row.is_to_be_placed])
    for closed in report["closed"]:
        Chunk.objects.filter(camera=camera, boot=closed["boot"], seq=closed["seq"]).update(dropped=closed["dropped"])
    values: dict[str, Any] = {"reported_at": now}
    if "unshipped" in report:
        values["unshipped"] = [[span["from_ms"], span["to_ms"]] for span in report["unshipped"]]
    if report.get("spool"):
        values |= {"spool_bytes": report["spool"]["bytes"], "quota_bytes": report["spool"]["quota_bytes"]}
        today = now.astimezone(ZoneInfo(camera.location.timezone)).date()
        SpoolPeak.objects.tell(camera, today, report["spool"]["bytes"], report["spool"]["quota_bytes"])
    if report.get("clock"):
        values |= {key: report["clock"][key] for key in ("synchronised", "offset_ms")}
    SpoolReport.objects.update_or_create(camera=camera, defaults=values)
    return [gap["id"] for gap in report["gaps"]]
