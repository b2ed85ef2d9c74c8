"""HTTP doors: what a person wants to be told of, by which ways, when not; and a test of each way."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.audit import record
from accounts.authentication import person
from accounts.errors import NotAllowed, TooMany
from accounts.models import AuditEntry, User
from cameras.models import Channel, Delivery, Location, NoticePlan, Wish
from cameras.models.alert import instant
from cameras.models.location import validate_timezone
from cameras.notices import planning, push, service_urls
from cameras.notices.delivery import tell_failing

TESTS_PER_HOUR = 10
CHANNELS_MAX = 20


class PlaceForm(serializers.Serializer[dict[str, Any]]):
    """What is wanted of one place."""

    location = serializers.CharField(max_length=200, allow_null=True, help_text="Domain; null: the installation")
    heard = serializers.ChoiceField(choices=Wish.Heard.choices)
    by_mail = serializers.BooleanField(default=True)
    by_push = serializers.BooleanField(default=True)
    by_service = serializers.BooleanField(default=True)


class PlanForm(serializers.Serializer[dict[str, Any]]):
    """All that a person says of their notifications; what is missing stays."""

    timezone = serializers.CharField(max_length=64, required=False, validators=[validate_timezone])
    quiet_from = serializers.TimeField(required=False, allow_null=True, format="%H:%M")
    quiet_to = serializers.TimeField(required=False, allow_null=True, format="%H:%M")
    critical_anyway = serializers.BooleanField(required=False)
    letter = serializers.BooleanField(required=False)
    places = serializers.ListField(child=PlaceForm(), required=False, max_length=500)


class ChannelForm(serializers.Serializer[dict[str, Any]]):
    """A new way: this browser, or (operators) a service for somebody."""

    kind = serializers.ChoiceField(choices=["push", "service"])
    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)
    subscription = serializers.DictField(required=False)
    url = serializers.CharField(max_length=3000, required=False, default="", allow_blank=True, trim_whitespace=False)
    person = serializers.EmailField(required=False)


class SwitchForm(serializers.Serializer[dict[str, Any]]):
    """On or off."""

    enabled = serializers.BooleanField()


class NoticesView(APIView):
    """The person's own notifications."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        """Plan, places, ways; the public key that a browser subscribes with."""
        return Response(described(nobody_but_people(request)), headers={"Cache-Control": "no-store"})

    @extend_schema(request=PlanForm, responses={200: dict})
    def put(self, request: Request) -> Response:
        """Change what is given."""
        user = nobody_but_people(request)
        form = PlanForm(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        places = asked.pop("places", [])
        with transaction.atomic():
            NoticePlan.objects.update_or_create(user=user, defaults=asked)
            for wish in places:
                _keep_wish(user, wish)
        return Response(described(user))


class ChannelsView(APIView):
    """The ways."""

    @extend_schema(request=ChannelForm, responses={201: dict})
    def post(self, request: Request) -> Response:
        """A new one."""
        user = nobody_but_people(request)
        form = ChannelForm(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        if Channel.objects.filter(user=user).count() >= CHANNELS_MAX:
            raise TooMany("You have enough ways to be told.", hint="Take some away first.")
        channel = _add_service(user, asked) if asked["kind"] == "service" else _add_push(user, asked)
        return Response(way(channel), status=201)


class ChannelView(APIView):
    """One way."""

    @extend_schema(request=SwitchForm, responses={200: dict})
    def patch(self, request: Request, number: int) -> Response:
        """Switch it on or off."""
        channel = own(request, number)
        form = SwitchForm(data=request.data)
        form.is_valid(raise_exception=True)
        Channel.objects.filter(pk=channel.pk).update(enabled=form.validated_data["enabled"])
        tell_failing()
        channel.refresh_from_db()
        return Response(way(channel))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, number: int) -> Response:
        """Take it away; mail can only be switched off."""
        channel = own(request, number)
        if channel.kind == Channel.Kind.MAIL:
            raise NotAllowed("Mail can be switched off, not taken away.")
        channel.delete()
        tell_failing()
        return Response(status=204)


class TestView(APIView):
    """Send me a test."""

    @extend_schema(request=None, responses={202: dict})
    def post(self, request: Request, number: int) -> Response:
        """202 and the number under which to ask what became of it."""
        channel = own(request, number)
        key = f"notice-tests:{channel.user_id}"
        cache.add(key, 0, 3600)
        if cache.incr(key) > TESTS_PER_HOUR:
            raise TooMany("That were many tests.", hint="Wait an hour.")
        from cameras.tasks import deliver_notice

        row = Delivery.objects.test(channel, timezone.now())
        transaction.on_commit(lambda: deliver_notice.delay(row.pk))
        return Response({"test": row.pk}, status=202)

    @extend_schema(responses={200: dict})
    def get(self, request: Request, number: int) -> Response:
        """What became of the newest test of this way."""
        row = Delivery.objects.filter(channel=own(request, number), alert=None).order_by("-pk").first()
        if row is None:
            raise Http404
        return Response({"test": row.pk, "state": row.state, "words": row.words}, headers={"Cache-Control": "no-store"})


def nobody_but_people(request: Request) -> User:
    """Who asks; guests are told nothing and have no notifications."""
    user = person(request)
    if user.is_guest:
        raise Http404
    return user


def own(request: Request, number: int) -> Channel:
    """A way of the asker's; an operator also has those that operators set up for others. Else 404."""
    user = nobody_but_people(request)
    rows = Channel.objects.select_related("user").filter(pk=number)
    mine = rows.filter(user=user).first()
    if mine is None and user.is_staff:
        mine = rows.filter(kind=Channel.Kind.SERVICE).first()
    if mine is None:
        raise Http404
    return mine


def described(user: User) -> dict[str, Any]:
    """As docs/protocol.md has it."""
    plan = NoticePlan.of(user)
    channels = [Channel.objects.mail_of(user), *Channel.objects.filter(user=user).exclude(kind=Channel.Kind.MAIL)]
    places: list[Location | None] = list(Location.objects.for_user(user))
    told = {
        "timezone": plan.timezone, "critical_anyway": plan.critical_anyway,
        "quiet_from": plan.quiet_from.strftime("%H:%M") if plan.quiet_from else None,
        "quiet_to": plan.quiet_to.strftime("%H:%M") if plan.quiet_to else None,
        "letter": planning.wants_letter(user, plan),
        "places": [_place(user, place) for place in places + ([None] if user.is_staff else [])],
        "channels": [way(channel) for channel in channels],
        "push_key": push.public_key(),
    }  # fmt: skip
    if user.is_staff:
        others = Channel.objects.filter(kind=Channel.Kind.SERVICE).exclude(user=user).select_related("user")
        told["services_of_others"] = [way(channel) | {"person": channel.user.email} for channel in others]
    return told


def way(channel: Channel) -> dict[str, Any]:
    """A way without its secret."""
    known = channel.about if channel.kind == Channel.Kind.PUSH else ""  # by it a browser knows its own
    return {
        "id": channel.pk, "kind": channel.kind, "name": channel.shown_name, "target": channel.target,
        "fingerprint": known,
        "enabled": channel.enabled, "made_by": channel.made_by, "sent_at": instant(channel.sent_at) or None,
        "failing_since": instant(channel.failing_since) or None, "failure": channel.failure,
    }  # fmt: skip


def _place(user: User, place: Location | None) -> dict[str, Any]:
    carers = planning.operators(place)
    wish = Wish.of(user, place, looks_after=user in carers)
    return {
        "location": place.domain if place else None, "name": place.shown_name if place else "This server",
        "heard": wish.heard, "by_mail": wish.by_mail, "by_push": wish.by_push, "by_service": wish.by_service,
    }  # fmt: skip


def _keep_wish(user: User, asked: dict[str, Any]) -> None:
    """What is not theirs does not exist; what concerns the installation is for operators."""
    place = None
    if asked["location"] is not None:
        place = Location.objects.for_user(user).filter(domain=asked["location"]).first()
    if place is None and not (asked["location"] is None and user.is_staff):
        raise Http404
    values = {key: asked[key] for key in ("heard", "by_mail", "by_push", "by_service")}
    Wish.objects.update_or_create(user=user, location=place, defaults=values)


def _add_push(user: User, asked: dict[str, Any]) -> Channel:
    return Channel.objects.add_push(user, push.checked(asked.get("subscription") or {}), asked["name"])


def _add_service(user: User, asked: dict[str, Any]) -> Channel:
    """Operators only: a service's URL makes this server speak to an address of somebody's choice."""
    if not user.is_staff:
        raise NotAllowed("Services are set up by the operators of this server.")
    whose = User.objects.by_email(asked.get("person") or user.email)
    if whose is None:
        raise Http404
    channel = Channel.objects.add_service(whose, service_urls.checked(asked["url"]), asked["name"], user)
    record(user.jid, AuditEntry.Action.SETTINGS, whose.jid, done="service", service=channel.shown_name)
    return channel
