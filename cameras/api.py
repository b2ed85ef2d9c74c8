"""HTTP doors: what a person may know of places and cameras, alerts, messages; enrolment of a device."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle
from rest_framework.views import APIView

from accounts.api import Door
from accounts.audit import record_once
from accounts.authentication import person
from accounts.errors import UcamError
from accounts.models import AuditEntry, User
from cameras import guests
from cameras.device import Device, DeviceAuthentication, IsDevice, enrol
from cameras.models import Alert, Camera, Guest, Location, Message, Right
from cameras.models.alert import instant
from cameras.models.camera import rights_of
from cameras.room import presence
from cameras.room.ice import ice_servers
from cameras.room.spoken import in_language
from cameras.room.welcome import last_status

PAGE = 50
ABOUT_PAGE = 200


class AlreadyClaimed(UcamError):
    """Somebody was first."""

    code = "already_claimed"
    status = 409
    message = "Somebody has this already, or it is over."


class CodeForm(serializers.Serializer[dict[str, str]]):
    """An enrolment code as typed, and the device's own secret for asking again."""

    code = serializers.CharField(max_length=100)
    attempt = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class LanguageForm(serializers.Serializer[dict[str, str]]):
    """The language that a person reads."""

    language = serializers.ChoiceField(choices=settings.LANGUAGES)


class EnrolThrottle(AnonRateThrottle):
    """A code has 80 bits; this only keeps the log short."""

    scope = "enrol"
    rate = "30/min"


def plain(value: Any) -> Any:
    """A protocol object as what DRF renders."""
    return msgspec.to_builtins(value)


def camera_or_404(cameras: Any, jid: str) -> Camera:
    """The camera with this JID among those the person may have; what is not theirs does not exist."""
    camera = cameras.by_jid(jid).select_related("location").first()
    if camera is None:
        raise Http404
    return camera


def before(request: Request) -> int | None:
    """The number in `?before=`; raises UcamError when it is no number."""
    text = request.query_params.get("before")
    if text is None:
        return None
    if not text.isdigit() or len(text) > 18:
        raise UcamError("`before` is the number of a row, for example 120.")
    return int(text)


ABOUT = [OpenApiParameter(name, str) for name in ("camera", "from", "to")]


def about(request: Request) -> tuple[Camera, datetime, datetime] | None:
    """`?camera&from&to`, None without a camera; 404 for one that is not the asker's, UcamError for no instants."""
    jid = request.query_params.get("camera")
    if not jid:
        return None
    camera = camera_or_404(Camera.objects.for_user(person(request)), jid)
    return camera, asked_instant(request, "from"), asked_instant(request, "to")


def asked_instant(request: Request, key: str) -> datetime:
    """The instant in `?key=`, with its zone."""
    try:  # a plus in an address arrives as a space
        at = datetime.fromisoformat(request.query_params.get(key, "").replace(" ", "+"))
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UcamError(f"Say `{key}` as 2026-11-22T14:02:10Z.") from error
    raise UcamError(f"Say `{key}` with its zone, as 2026-11-22T14:02:10Z.")


def described(camera: Camera, user: User, may: list[str], watchers: dict[str, list[str]]) -> dict[str, Any]:
    """A camera as docs/protocol.md has it; `may`: what the person may do with it."""
    facts = {
        "jid": str(camera.jid),
        "name": camera.shown_name,
        "location": camera.location.domain,
        "location_name": camera.location.shown_name,
        "timezone": camera.location.timezone,
        "may": may,
        "online": camera.online,
        "offline_since": instant(camera.disconnected_at) or None,
        "watchers": [] if user.is_guest else watchers.get(str(camera.jid), []),
        "status": None if user.is_guest or (told := last_status(camera)) is None else plain(in_language(told)),
        "latest_at": instant(camera.latest_at) or None,
    }
    return facts | ({"settings": plain(camera.settings().redacted)} if Right.OPERATE in may else {})


class MeView(APIView):
    """Who the asker is."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        """JID, name, places and rights."""
        user = person(request)
        rights = {row.location_id: row.may for row in user.memberships.all()}
        every = [right.value for right in Right]
        places = [
            {"location": place.domain, "name": place.shown_name, "may": every if user.is_staff else rights[place.pk]}
            for place in Location.objects.for_user(user)
        ]
        facts = {
            "jid": str(user.jid),
            "email": user.email,
            "name": user.shown_name,
            "operator": user.is_staff,
            "language": user.language,
        }
        guest = Guest.objects.filter(user=user).first() if user.is_guest else None
        return Response(facts | {"places": places} | ({"guest": guests.opened(guest)} if guest else {}))

    @extend_schema(request=LanguageForm, responses={204: None})
    def patch(self, request: Request) -> Response:
        """The language of messages to this person, and of pages on a new device."""
        form = LanguageForm(data=request.data)
        form.is_valid(raise_exception=True)
        User.objects.speaks(person(request), form.validated_data["language"])
        return Response(status=204)


class LocationsView(APIView):
    """Places of the asker."""

    @extend_schema(responses={200: list[dict]})
    def get(self, request: Request) -> Response:
        """All of them; there are few."""
        user = person(request)
        rights = {row.location_id: row.may for row in user.memberships.all()}
        every = [right.value for right in Right]
        return Response(
            [
                {
                    "domain": place.domain,
                    "name": place.shown_name,
                    "timezone": place.timezone,
                    "may": every if user.is_staff else rights[place.pk],
                }
                for place in Location.objects.for_user(user)
            ]
        )


class CamerasView(APIView):
    """Cameras of the asker."""

    @extend_schema(responses={200: list[dict]})
    def get(self, request: Request) -> Response:
        """All of them, with who watches now."""
        user, watchers = person(request), presence.watchers_now()
        rows = list(Camera.objects.for_user(user).select_related("location"))
        may = rights_of(user, rows)
        return Response([described(camera, user, may[camera.pk], watchers) for camera in rows])


class CameraView(APIView):
    """One camera."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request, jid: str) -> Response:
        """404 for what is not the asker's."""
        user = person(request)
        camera = camera_or_404(Camera.objects.for_user(user), jid)
        return Response(described(camera, user, camera.rights_of(user), presence.watchers_now()))


class PeersView(APIView):
    """Who is in the room, as far as the asker may know."""

    @extend_schema(responses={200: list[dict]})
    def get(self, request: Request) -> Response:
        """The roster."""
        return Response(plain(presence.visible_to(person(request))))


class AlertsView(APIView):
    """Alerts of the asker's places."""

    @extend_schema(
        parameters=[OpenApiParameter("open", bool), OpenApiParameter("before", int), *ABOUT],
        responses={200: list[dict]},
    )
    def get(self, request: Request) -> Response:
        """Newest first, 50 a page; `?camera&from&to` those of one camera that were raised then."""
        rows = Alert.objects.for_user(person(request)).defer("picture__jpeg")
        rows = rows.select_related("camera__location", "location", "claimed_by", "picture")
        rows = rows.open() if request.query_params.get("open") in ("1", "true") else rows
        number = before(request)
        rows = rows if number is None else rows.filter(pk__lt=number)
        if (asked := about(request)) is not None:
            camera, begin, end = asked
            rows = rows.filter(camera=camera, raised_at__gte=begin, raised_at__lt=end)
        return Response([plain(alert.notice()) for alert in rows[:PAGE]])


class ClaimView(APIView):
    """I have it."""

    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request, number: int) -> Response:
        """The alert, claimed; 409 when somebody was first."""
        alert = Alert.objects.for_user(person(request)).filter(pk=number).first()
        if alert is None:
            raise Http404
        if not alert.claim(person(request)):
            raise AlreadyClaimed()
        return Response(plain(alert.notice()))


class PictureView(APIView):
    """What the camera saw when the alert was raised."""

    @extend_schema(responses={(200, "image/jpeg"): bytes})
    def get(self, request: Request, number: int) -> HttpResponse:
        """For who may see the camera's recordings of that instant; to everybody else there is none."""
        user, now = person(request), timezone.now()
        alert = Alert.objects.for_user(user).select_related("camera__location", "picture").filter(pk=number).first()
        camera = alert.camera if alert else None
        if alert is None or camera is None or alert.picture_at is None:
            raise Http404
        since = camera.replay_since(user, now)
        mine = Camera.objects.may(user, Right.REPLAY).filter(pk=camera.pk).exists()
        if not mine or (since is not None and alert.picture_at < since):
            raise Http404
        record_once(user.jid, AuditEntry.Action.STILL, camera.jid, now, timedelta(minutes=10), alert=alert.pk)
        response = HttpResponse(bytes(alert.picture.jpeg), content_type="image/jpeg")
        response["Cache-Control"] = "private, no-store"
        response["X-Content-Type-Options"] = "nosniff"
        return response


class MessagesView(APIView):
    """What was said."""

    @extend_schema(parameters=[OpenApiParameter("before", int), *ABOUT], responses={200: list[dict]})
    def get(self, request: Request) -> Response:
        """Oldest first, 50 before the given number; `?camera&from&to` those that point at this camera then, 200."""
        rows = Message.objects.for_user(person(request))
        if (asked := about(request)) is not None:
            return Response(_read(rows.about(*asked).newest(ABOUT_PAGE, before(request))))
        return Response(_read(rows.newest(PAGE, before(request))))


def _read(rows: Sequence[Message]) -> list[Any]:
    """Messages as their reader gets them."""
    return [plain(in_language(row.as_chat())) for row in rows]


class EnrolView(Door):
    """A device exchanges its code for a token."""

    throttle_classes = (EnrolThrottle,)

    @extend_schema(request=CodeForm, responses={200: dict})
    def post(self, request: Request) -> Response:
        """JID, token, addresses, settings; once."""
        form = CodeForm(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(plain(enrol(form.validated_data["code"], attempt=form.validated_data["attempt"])))


class IceView(APIView):
    """What the room would name to this camera, for one that looks whether it works."""

    authentication_classes = (DeviceAuthentication,)
    permission_classes = (IsDevice,)

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        """STUN and TURN servers, with credentials that expire."""
        camera = cast(Device, request.user).camera
        servers = plain(ice_servers(str(camera.jid)))
        return Response({"ice_servers": servers}, headers={"Cache-Control": "no-store"})
