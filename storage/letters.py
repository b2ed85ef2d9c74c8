"""The weekly letter by mail, on Monday morning of each reader; the page and the link to stop it."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.http import Http404
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, override
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import Door, TokenThrottle
from accounts.authentication import person
from accounts.models import User
from cameras.models import NoticePlan
from cameras.notices import mail
from cameras.notices.errors import DeliveryFailed
from cameras.notices.planning import wants_letter
from cameras.sentences import day
from storage.errors import LinkOver, RangeInvalid
from storage.letter import last_monday, letter
from storage.models import Letter

SALT = "storage.letters.stop"
FROM_HOUR = 7
WITHIN = timedelta(days=2)  # after a server that was away on Monday; later it is no news any more
log = logging.getLogger(__name__)

HARDLY = 0.01


def send_due(now: datetime) -> int:
    """To everybody for whom Monday morning has come; how many went out."""
    people = User.objects.filter(is_active=True, is_guest=False)
    return sum(_send_one(user, now) for user in people if _is_time(user, now))


def _is_time(user: User, now: datetime) -> bool:
    plan = NoticePlan.of(user)
    if not wants_letter(user, plan):
        return False
    local = now.astimezone(plan.zone())
    monday = local.replace(hour=FROM_HOUR, minute=0, second=0, microsecond=0) - timedelta(days=local.weekday())
    return monday <= local < monday + WITHIN


def _send_one(user: User, now: datetime) -> bool:
    """Once a week, tried again when the mail server is away."""
    zone = NoticePlan.of(user).zone()
    row = Letter.objects.claim(user.pk, last_monday(now, zone), now)
    if row is None:
        return False
    try:
        mail.dispatch(message(user, row.week, now))
    except DeliveryFailed as error:
        log.warning("The weekly letter to %s did not go out: %s", user, error)
        return False
    row.sent(now)
    return True


def message(user: User, week: date, now: datetime) -> EmailMultiAlternatives:
    """The mail in the reader's language: plain text, HTML, and the way to stop it (RFC 8058)."""
    with override(user.reads):
        return _message(user, week, now)


def _message(user: User, week: date, now: datetime) -> EmailMultiAlternatives:
    stop = f"{settings.UCAM_URL}/letter/stop/#{signing.dumps(user.pk, salt=SALT)}"
    one_click = f"{settings.UCAM_URL}/api/letter/stop/?key={quote(signing.dumps(user.pk, salt=SALT))}"
    told = letter(user, week, now)
    zone = ZoneInfo(told["timezone"])
    context = {
        "letter": told, "name": user.shown_name, "stop": stop, "site": settings.UCAM_URL,
        "domain": settings.UCAM_DOMAIN, "page": f"{settings.UCAM_URL}/letter/?week={week.isoformat()}",
        "headline": headline(told), "rows": [_words(row, zone) for row in told["cameras"]],
        "alerts": [alert | {"at": _clock(alert["raised_at"], zone)} for alert in told["alerts"]["listed"]],
        "exports": [export | {"at": _clock(export["created_at"], zone)} for export in told["exports"]],
        "begin": week, "end": week + timedelta(days=6),
    }  # fmt: skip
    mail_ = EmailMultiAlternatives(
        subject=gettext("Your cameras, week of {day}: {news}").format(day=day(week), news=headline(told)),
        body=render_to_string("storage/letter.txt", context),
        to=[user.email],
        headers={
            "List-Unsubscribe": f"<{one_click}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Message-ID": f"<letter-{user.pk}-{week.isoformat()}@{settings.UCAM_DOMAIN}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    mail_.attach_alternative(render_to_string("storage/letter.html", context), "text/html")
    return mail_


def headline(told: dict[str, Any]) -> str:
    """The week in one sentence."""
    if not told["cameras"]:
        return gettext("no cameras")
    lossy = [row for row in told["cameras"] if row["share"] is not None and row["share"] < 0.9995]
    if not lossy:
        return gettext("everything was stored")
    worst = min(lossy, key=lambda row: row["share"])
    return gettext("{name} stored {share} of its time").format(name=worst["name"], share=percent(worst["share"]))


def percent(share: float | None) -> str:
    """Never rounded up to all of it."""
    if share is None:
        return gettext("nothing to store")
    return "100 %" if share >= 0.99995 else f"{number_format(int(share * 1000) / 10, 1)} %"


def lasting(seconds: float) -> str:
    """Two units at most."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _words(row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """A camera's row as it is read."""
    gap, peak = row["longest_gap"], row["spool_peak"]
    asked = (
        gettext("no limit") if row["days_asked"] is None else gettext("{count} asked").format(count=row["days_asked"])
    )
    kept = gettext("nothing stored")
    if row["days_kept"] is not None:
        kept = gettext("{days} days, {asked}").format(days=number_format(row["days_kept"]), asked=asked)
    return row | {
        "percent": percent(row["share"]), "good": row["share"] is None or row["share"] >= 0.9995,
        "gap": f"{lasting(gap['seconds'])}, {_clock(gap['from'], zone)}: {gap['words']}" if gap else gettext("none"),
        "days": kept,
        "spool": _fullest(peak),
    }  # fmt: skip


def _fullest(peak: dict[str, Any] | None) -> str:
    """How full the camera's own disk was at its fullest."""
    if peak is None:
        return gettext("nothing reported")
    if peak["share"] is None:
        return gettext("at most {n} MB in use").format(n=f"{peak['bytes'] / 1e6:.0f}")
    if peak["share"] < HARDLY:
        return gettext("hardly used")
    return gettext("at most {share} full").format(share=percent(peak["share"]))


def _clock(text: str, zone: ZoneInfo) -> str:
    return date_format(datetime.fromisoformat(text).astimezone(zone), gettext("D d M H:i"))


class LetterView(APIView):
    """The letter on demand."""

    @extend_schema(parameters=[OpenApiParameter("week", str)], responses={200: dict})
    def get(self, request: Request) -> Response:
        """Of `?week=` (the Monday with which it begins), else the last whole one; the running one ends now."""
        user, now = person(request), timezone.now()
        if user.is_guest:
            raise Http404
        last = last_monday(now, NoticePlan.of(user).zone())
        asked = request.query_params.get("week")
        try:
            monday = date.fromisoformat(asked) if asked else last
        except ValueError as error:
            raise RangeInvalid("`week` looks like 2026-11-16, a Monday.") from error
        if monday.weekday() != 0 or not date(2000, 1, 1) <= monday <= last + timedelta(days=7):
            raise RangeInvalid("`week` looks like 2026-11-16, a Monday that has been.")
        told = letter(user, monday, now)
        return Response(told | {"headline": headline(told)}, headers={"Cache-Control": "no-store"})


class StopForm(serializers.Serializer[dict[str, str]]):
    """The key of a letter's link."""

    key = serializers.CharField(max_length=200)


def _told(data: object) -> str:
    """The key in a body, which may be anything."""
    return str(data.get("key", "")) if isinstance(data, dict) else ""


class StopView(Door):
    """Stop the letter by its own link: no sign-in, and a GET stops nothing (mail scanners follow links)."""

    throttle_classes = (TokenThrottle,)
    parser_classes = (JSONParser, FormParser, MultiPartParser)

    @extend_schema(request=StopForm, parameters=[OpenApiParameter("key", str)], responses={204: None})
    def post(self, request: Request) -> Response:
        """204; from the page, or by a mail program's own button."""
        given = request.query_params.get("key") or _told(request.data)
        form = StopForm(data={"key": given})
        form.is_valid(raise_exception=True)
        try:
            number = signing.loads(form.validated_data["key"], salt=SALT)
        except signing.BadSignature as error:
            raise LinkOver() from error
        if User.objects.filter(pk=number).exists():
            NoticePlan.objects.update_or_create(user_id=number, defaults={"letter": False})
        return Response(status=204)
