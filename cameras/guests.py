"""HTTP doors of guests: make a link, see who has one, revoke it; and the door that the link opens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle
from rest_framework.views import APIView

from accounts.api import Door, TokensAnswer
from accounts.authentication import person
from accounts.errors import NotAllowed, TooMany, UcamError
from accounts.models import User
from accounts.tokens import issue
from cameras.models import Camera, Guest, Right
from cameras.models.alert import instant

LONGEST = timedelta(days=366)
RANGE_MAX = timedelta(days=31)
ALIVE_MAX = 200
PAGE = 200


class GuestOver(UcamError):
    """Not a link of ours, or revoked, or over: all the same to whoever holds it."""

    code = "guest_over"
    status = 410
    message = "This link opens nothing any more."
    hint = "Ask whoever gave it to you for a new one."


class GuestForm(serializers.Serializer[dict[str, Any]]):
    """Who, which cameras, what of them, until when."""

    name = serializers.CharField(max_length=60, error_messages={"blank": "Say whom the link is for."})
    cameras = serializers.ListField(child=serializers.CharField(max_length=320), min_length=1, max_length=64)
    live = serializers.BooleanField(default=False)
    from_ = serializers.DateTimeField(required=False, allow_null=True, default=None)
    to = serializers.DateTimeField(required=False, allow_null=True, default=None)
    until = serializers.DateTimeField(help_text="The link ends by itself then.")
    reason = serializers.CharField(max_length=300, default="", allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is no name that Python lets a class have."""
        return {key.rstrip("_"): field for key, field in super().get_fields().items()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Times that make sense together, and something to see at all."""
        begin, end, now = attrs["from"], attrs["to"], timezone.now()
        if (begin is None) != (end is None):
            raise serializers.ValidationError("Say both the beginning and the end of the recordings, or neither.")
        if begin is None and not attrs["live"]:
            raise serializers.ValidationError("Allow live pictures, a range of recordings, or both.")
        if begin is not None and not begin < end <= begin + RANGE_MAX:
            raise serializers.ValidationError("The range must end after it begins, at most 31 days later.")
        if not now < attrs["until"] <= now + LONGEST:
            raise serializers.ValidationError("The link must end in the future, and within a year.")
        return attrs


class SecretForm(serializers.Serializer[dict[str, str]]):
    """What stands behind the # of a guest link."""

    link = serializers.CharField(max_length=200)


class GuestThrottle(AnonRateThrottle):
    """A secret has 256 bits; this only keeps the log short."""

    scope = "guest"
    rate = "60/min"


class OpenView(Door):
    """The door that a link opens."""

    throttle_classes = (GuestThrottle,)

    @extend_schema(request=SecretForm, responses={200: TokensAnswer})
    def post(self, request: Request) -> Response:
        """Tokens of the guest, as often as the link is opened, as long as it lives."""
        form = SecretForm(data=request.data)
        form.is_valid(raise_exception=True)
        now = timezone.now()
        guest = Guest.objects.holder(form.validated_data["link"], now)
        if guest is None:
            raise GuestOver()
        session, refresh = guest.open(request.headers.get("User-Agent", ""), now)
        return Response(TokensAnswer(issue(session, refresh, now)).data, headers={"Cache-Control": "no-store"})


class GuestsView(APIView):
    """Links of the asker's places."""

    @extend_schema(responses={200: list[dict]})
    def get(self, request: Request) -> Response:
        """Newest first, at most 200; also those that are over."""
        user = person(request)
        known = set(Camera.objects.for_user(user).values_list("pk", flat=True))
        rows = Guest.objects.for_user(user).select_related("user").prefetch_related("cameras__location")
        return Response([described(guest, known) for guest in rows[:PAGE]], headers={"Cache-Control": "no-store"})

    @extend_schema(request=GuestForm, responses={201: dict})
    def post(self, request: Request) -> Response:
        """The guest with its link, which is shown this once."""
        maker, now = person(request), timezone.now()
        form = GuestForm(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        cameras = [givable(maker, jid, asked, now) for jid in dict.fromkeys(asked["cameras"])]
        if Guest.objects.filter(made_by=maker).alive(now).count() >= ALIVE_MAX:
            raise TooMany("You have enough guest links.", hint="Revoke some first.")
        guest, secret = Guest.objects.invite(
            maker, asked["name"], cameras, live=asked["live"], from_=asked["from"], to=asked["to"],
            ends_at=asked["until"], reason=asked["reason"],
        )  # fmt: skip
        link = f"{settings.UCAM_URL}/guest/#{secret}"  # behind the #: it reaches no log and no Referer
        known = {camera.pk for camera in cameras}
        return Response(described(guest, known) | {"link": link}, status=201, headers={"Cache-Control": "no-store"})


class GuestView(APIView):
    """One link."""

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, number: int) -> Response:
        """Revoke it: 204; 410 when it was revoked before."""
        user = person(request)
        guest = Guest.objects.for_user(user).select_related("user").filter(pk=number).first()
        if guest is None:
            raise Http404
        if not guest.revoke(user, timezone.now()):
            raise GuestOver("This link was revoked before.")
        return Response(status=204)


def givable(maker: User, jid: str, asked: dict[str, Any], now: datetime) -> Camera:
    """The camera, when the maker operates it and may do all that the link shall allow; else 404 or NotAllowed."""
    if maker.is_guest:
        raise Http404
    camera = Camera.objects.may(maker, Right.OPERATE).by_jid(jid).select_related("location").first()
    if camera is None:
        raise Http404
    mine = camera.rights_of(maker)
    if (asked["live"] and Right.WATCH not in mine) or (asked["from"] is not None and Right.REPLAY not in mine):
        raise NotAllowed("You can give a guest only what you may see yourself.")
    since = camera.replay_since(maker, now)
    if asked["from"] is not None and since is not None and asked["from"] < since:
        raise NotAllowed("You can give a guest only what you may see yourself; this range begins too early.")
    return camera


def described(guest: Guest, known: set[int]) -> dict[str, Any]:
    """As docs/protocol.md has it; of its cameras those that the reader knows of (ids)."""
    state = "revoked" if guest.revoked_at else "open" if guest.is_alive(timezone.now()) else "over"
    return {
        "id": guest.pk, "name": guest.user.name, "jid": str(guest.user.jid), "made_by": guest.made_by_jid,
        "cameras": [str(camera.jid) for camera in guest.cameras.all() if camera.pk in known],
        "live": guest.live, "state": state,
        "from": instant(guest.from_at) or None, "to": instant(guest.to_at) or None, "until": instant(guest.ends_at),
        "reason": guest.reason, "created_at": instant(guest.created_at), "used_at": instant(guest.used_at) or None,
        "uses": guest.uses, "revoked_at": instant(guest.revoked_at) or None, "revoked_by": guest.revoked_by,
    }  # fmt: skip


def opened(guest: Guest) -> dict[str, Any]:
    """What the guest itself is told."""
    return {
        "made_by": guest.made_by.shown_name if guest.made_by else "", "live": guest.live,
        "from": instant(guest.from_at) or None, "to": instant(guest.to_at) or None, "until": instant(guest.ends_at),
    }  # fmt: skip
