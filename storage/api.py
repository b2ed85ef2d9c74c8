"""HTTP doors of playback: playlist, bytes, coverage, days, stills. All want the right `replay`."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit import record_once
from accounts.authentication import person
from accounts.errors import NotAllowed
from accounts.models import AuditEntry, User
from cameras.api import camera_or_404
from cameras.models import Camera, Right
from cameras.models.alert import instant as alert_instant
from cameras.sentences import translated
from storage.coverage import LONGEST as COVERAGE_LONGEST
from storage.coverage import coverage, days, earliest_ms, totals
from storage.errors import RangeInvalid
from storage.forecast import forecast
from storage.index import entries
from storage.media import GRACE_MS, answer_bytes, read_range
from storage.models import Chunk
from storage.models.chunk import ms_of
from storage.playlist import LONGEST as PLAYLIST_LONGEST
from storage.playlist import SEGMENT_MS, playlist
from storage.range import Range, asked_number, asked_range, instant, text_of
from storage.snapshot import snapshot
from storage.tus import AnyAccept

RANGE = [OpenApiParameter("from", str), OpenApiParameter("to", str)]
SEGMENT_MS_WITHIN = (1, 10_000)
AS_GOOD_AS_LIVE_MS = 30_000
ONE_VIEW = timedelta(minutes=10)  # within it the same person's looking at the same camera is one row of the trail


class ReplayView(APIView):
    """A door to the recordings of one camera."""

    content_negotiation_class = AnyAccept

    def camera(self, request: Request, jid: str) -> Camera:
        """The camera whose recordings the person may see; else 404."""
        return camera_or_404(Camera.objects.may(cast(User, request.user), Right.REPLAY), jid)

    def since_ms(self, request: Request, camera: Camera, now: datetime) -> int | None:
        """The earliest instant whose footage the person may see, None without a limit."""
        since = camera.replay_since(cast(User, request.user), now)
        return None if since is None else ms_of(since)

    def until_ms(self, request: Request, camera: Camera) -> int | None:
        """The instant from which on the person may see nothing, None without a limit."""
        until = camera.replay_until(cast(User, request.user))
        return None if until is None else ms_of(until)

    def told(self, request: Request, camera: Camera, action: AuditEntry.Action, **details: str) -> None:
        """Write into the audit trail that the person sees footage; before they do."""
        record_once(cast(User, request.user).jid, action, camera.jid, timezone.now(), ONE_VIEW, **details)


class PlaylistView(ReplayView):
    """HLS."""

    @extend_schema(
        parameters=[*RANGE, OpenApiParameter("segment_ms", int)],
        responses={(200, "application/vnd.apple.mpegurl"): str},
    )
    def get(self, request: Request, jid: str) -> HttpResponse:
        """The playlist of `?from&to`; without `to` it grows. `segment_ms`: the least that a segment has."""
        camera, now = self.camera(request, jid), timezone.now()
        asked = asked_range(request, longest=PLAYLIST_LONGEST, open_end=True, now=now)
        until = self.until_ms(request, camera)
        if until is not None:  # what is asked beyond is not there
            asked = Range(min(asked.from_ms, until), min(asked.to_ms or until, until))
        segment_ms = asked_number(request, "segment_ms", SEGMENT_MS, within=SEGMENT_MS_WITHIN)
        text = playlist(camera, asked, self.since_ms(request, camera, now), now, segment_ms)
        end = {} if asked.to_ms is None else {"to": text_of(asked.to_ms)}
        self.told(request, camera, AuditEntry.Action.REPLAY, **{"from": text_of(asked.from_ms), **end})
        response = HttpResponse(text, content_type="application/vnd.apple.mpegurl")
        response["Cache-Control"] = "private, no-store"
        return response


class MediaView(ReplayView):
    """Bytes of one chunk."""

    @extend_schema(responses={(200, "video/mp4"): bytes, (206, "video/mp4"): bytes})
    def get(self, request: Request, jid: str, number: int) -> HttpResponseBase:
        """One range or the whole."""
        camera = self.camera(request, jid)
        chunk = Chunk.objects.stored().filter(camera=camera, pk=number).first()
        if chunk is None:
            raise Http404
        since = self.since_ms(request, camera, timezone.now())
        until = self.until_ms(request, camera)
        oldest = 0 if since is None else oldest_byte(chunk, since if until is not None else since - GRACE_MS)
        wanted = range_of(request)
        if until is not None:
            refuse_beyond(chunk, wanted, until)
        answer = answer_bytes(chunk, wanted, oldest)
        try:
            self.told(request, camera, AuditEntry.Action.REPLAY, chunk=str(chunk))
        except BaseException:
            answer.close()
            raise
        return answer


def range_of(request: Request) -> str:
    """The Range header; none beside an If-Range, for which nginx may answer with the whole (RFC 9110, 13.1.5)."""
    return "" if "If-Range" in request.headers else request.headers.get("Range", "")


def oldest_byte(chunk: Chunk, since_ms: int) -> int:
    """Where the first fragment begins that ends after an instant; the end of the chunk when there is none."""
    for entry in entries(bytes(chunk.fragments)):
        if chunk.started_ms + entry.at_ms + entry.duration_ms > since_ms:
            return entry.offset
    return chunk.bytes


def refuse_beyond(chunk: Chunk, header: str, until_ms: int) -> None:
    """Raises NotAllowed when bytes are asked for that were recorded after an instant."""
    begun = [entry for entry in entries(bytes(chunk.fragments)) if chunk.started_ms + entry.at_ms < until_ms]
    newest = begun[-1].offset + begun[-1].length if begun else 0
    try:
        wanted = read_range(header, chunk.bytes)
    except ValueError:
        return  # 416
    end = wanted.end if wanted is not None else chunk.bytes
    if end > newest:
        raise NotAllowed("This was recorded after the time that you may see.")


class CoverageView(ReplayView):
    """The ledger."""

    @extend_schema(parameters=RANGE, responses={200: dict})
    def get(self, request: Request, jid: str) -> Response:
        """What became of every second of `?from&to`, up to now."""
        camera, now = self.camera(request, jid), timezone.now()
        asked = asked_range(request, longest=COVERAGE_LONGEST, open_end=False, now=now)
        stretches = coverage(camera, asked, self.since_ms(request, camera, now), now, self.until_ms(request, camera))
        spans = [
            {"from": text_of(one.from_ms), "to": text_of(one.to_ms), "state": one.state, "cause": one.cause}
            for one in stretches
        ]
        told: dict[str, str | None] = {"camera": str(camera.jid), "from": text_of(asked.from_ms)}
        first_ms = earliest_ms(camera)
        told |= {"to": text_of(told_until(asked, now)), "earliest_at": None if first_ms is None else text_of(first_ms)}
        return Response(told | {"spans": spans, "totals": totals(stretches)}, headers={"Cache-Control": "no-store"})


def told_until(asked: Range, now: datetime) -> int:
    """Where the answer ends: the future is not told."""
    return max(asked.from_ms, min(asked.to_ms or ms_of(now), ms_of(now)))


class DaysView(ReplayView):
    """A month at a glance."""

    @extend_schema(
        parameters=[OpenApiParameter("month", str), OpenApiParameter("timezone", str)], responses={200: dict}
    )
    def get(self, request: Request, jid: str) -> Response:
        """Seconds stored on each day of `?month=YYYY-MM`, by the calendar of `?timezone`, else of the place."""
        camera = self.camera(request, jid)
        month = request.query_params.get("month", "")
        try:
            first = date.fromisoformat(f"{month}-01")
            valid = 1970 <= first.year < 9999
        except ValueError:
            valid = False
        if not valid:
            raise RangeInvalid("`month` looks like 2026-11.", hint="Years from 1970 on.")
        since, until = self.since_ms(request, camera, timezone.now()), self.until_ms(request, camera)
        zone = zone_of(request.query_params.get("timezone", ""), camera)
        return Response({"month": month, "timezone": zone.key, "days": days(camera, first, since, until, zone)})


def zone_of(name: str, camera: Camera) -> ZoneInfo:
    """The zone of this name, where this server knows it; browsers know other ones too."""
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(name)
    return ZoneInfo(camera.location.timezone)


class SnapshotView(ReplayView):
    """A still. Who may only watch gets the newest while it is as good as live: what the live picture shows anyway."""

    @extend_schema(
        parameters=[OpenApiParameter("at", str), OpenApiParameter("full", bool)],
        responses={(200, "image/jpeg"): bytes},
    )
    def get(self, request: Request, jid: str) -> HttpResponse:
        """The keyframe at or before `?at`, else the newest; at most 640 pixels wide, unless `?full=1`."""
        now, asked = timezone.now(), instant(request, "at")
        mine = Camera.objects.may(cast(User, request.user), Right.WATCH)
        live = asked is None and not Camera.objects.may(cast(User, request.user), Right.REPLAY).by_jid(jid).exists()
        camera = camera_or_404(mine, jid) if live else self.camera(request, jid)
        since = ms_of(now) - AS_GOOD_AS_LIVE_MS if live else self.since_ms(request, camera, now)
        until = None if live else self.until_ms(request, camera)
        if until is not None:
            asked = until - 1 if asked is None else min(asked, until - 1)
        still = snapshot(camera, asked, since, request.query_params.get("full") in ("1", "true"))
        self.told(request, camera, AuditEntry.Action.STILL, at=text_of(still.at_ms))
        response = HttpResponse(still.jpeg, content_type="image/jpeg")
        response["X-Ucam-At"] = text_of(still.at_ms)
        response["Cache-Control"] = "private, no-store"
        return response


class RetentionView(APIView):
    """How long footage is kept, and how long it could be."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request, jid: str) -> Response:
        """For whoever may change it: what was asked, what fits, when it is full, in figures and in words."""
        camera = camera_or_404(Camera.objects.may(person(request), Right.OPERATE), jid)
        found = forecast(camera, timezone.now())
        return Response({
            "camera": str(camera.jid), "asked_days": found.asked_days, "fits_days": found.fits_days,
            "full_at": alert_instant(found.full_at) or None, "oldest_at": alert_instant(found.oldest_at) or None,
            "bytes": found.bytes, "bytes_per_day": found.bytes_per_day, "limit": translated(found.limit),
            "short": found.short, "young": found.young, "words": translated(found.words),
        }, headers={"Cache-Control": "no-store"})  # fmt: skip
