"""HTTP doors of sign-in and tokens."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.utils import timezone
from django.utils.translation import get_language, gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle
from rest_framework.views import APIView

from accounts import tokens
from accounts.audit import record
from accounts.authentication import person
from accounts.ceremonies import Answered, Asked
from accounts.errors import NotAllowed
from accounts.models import AuditEntry, Session, User
from accounts.sign_in import SignedIn, complete, is_safe, redeem
from accounts.tasks import send_link

YEAR_S = 365 * 24 * 3600


class SignInThrottle(AnonRateThrottle):
    """Per address of the asker; the limit per mail address is in sign_in.py."""

    scope = "sign-in"
    rate = "30/min"


class TokenThrottle(AnonRateThrottle):
    """Guessing a link is hopeless anyway; this keeps the log short."""

    scope = "token"
    rate = "120/min"


class SignInForm(serializers.Serializer[dict[str, str]]):
    """Who wants a link."""

    email = serializers.EmailField(
        error_messages={"invalid": "This is no e-mail address. It looks like ana@example.com."}
    )
    next = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class LinkForm(serializers.Serializer[dict[str, str]]):
    """The last part of a link's path."""

    link = serializers.CharField(max_length=400)


class RefreshForm(serializers.Serializer[dict[str, str]]):
    """A refresh token."""

    refresh = serializers.CharField(max_length=400)


class AnsweredForm(serializers.Serializer[dict[str, Any]]):
    """A ticket, and what the browser's `navigator.credentials` gave for it."""

    ticket = serializers.CharField(max_length=100)
    credential = serializers.DictField(
        help_text="`PublicKeyCredential.toJSON()`: `{id, rawId, type, response: {…}}`, bytes as base64url"
    )

    @classmethod
    def read(cls, sent: Any) -> Answered:
        """Raises ValidationError in words."""
        form = cls(data=sent)
        form.is_valid(raise_exception=True)
        return Answered(form.validated_data["ticket"], form.validated_data["credential"])


class Said(serializers.Serializer[dict[str, str]]):
    """A sentence."""

    message = serializers.CharField()


class TokensAnswer(serializers.Serializer[tokens.Tokens]):
    """What a browser keeps."""

    access = serializers.CharField()
    refresh = serializers.CharField()
    access_expires_at = serializers.DateTimeField()


class AskedAnswer(serializers.Serializer[Asked]):
    """What a passkey must answer."""

    ticket = serializers.CharField(help_text="good once, for five minutes")
    options = serializers.DictField(help_text="for `navigator.credentials`, bytes as base64url")
    expires_at = serializers.DateTimeField()


class Door(APIView):
    """A door for people who are not signed in yet."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class SignInView(Door):
    """Ask for a link."""

    throttle_classes = (SignInThrottle,)

    @extend_schema(request=SignInForm, responses={202: Said})
    def post(self, request: Request) -> Response:
        """202 whether the address is known or not."""
        form = SignInForm(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        send_link.delay(asked["email"], asked["next"] if is_safe(asked["next"]) else "", get_language() or "")
        return Response({"message": gettext("If this address may see cameras here, a link is on its way.")}, status=202)


class TokenView(Door):
    """Turn a link into tokens."""

    throttle_classes = (TokenThrottle,)

    @extend_schema(request=LinkForm, responses={200: TokensAnswer, 202: AskedAnswer})
    def post(self, request: Request) -> Response:
        """The tokens, or 202 with what a passkey must answer; the link is used up."""
        form = LinkForm(data=request.data)
        form.is_valid(raise_exception=True)
        done = redeem(form.validated_data["link"], request.headers.get("User-Agent", ""))
        if isinstance(done, Asked):
            return Response(AskedAnswer(done).data, status=202, headers={"Cache-Control": "no-store"})
        return signed_in(request, done)


class TokenPasskeyView(Door):
    """The second half, for who has a passkey."""

    throttle_classes = (TokenThrottle,)

    @extend_schema(request=AnsweredForm, responses={200: TokensAnswer})
    def post(self, request: Request) -> Response:
        """The tokens; the ticket is used up, whatever its passkey was worth."""
        answered = AnsweredForm.read(request.data)
        return signed_in(request, complete(answered, request.headers.get("User-Agent", "")))


def signed_in(request: Request, done: SignedIn) -> Response:
    """The answer to a sign-in."""
    return in_own_language(request, Response(TokensAnswer(done.tokens).data), done.session.user)


def in_own_language(request: Request, response: Response, user: User) -> Response:
    """A device without a choice of language shows the person's own; who has none yet gets that of this page."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
    if not user.language:
        User.objects.speaks(user, get_language() or settings.LANGUAGE_CODE)
    elif not chosen:
        secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, user.language, max_age=YEAR_S, samesite="Lax", secure=secure)
    return response


class RefreshView(Door):
    """Rotate a refresh token."""

    throttle_classes = (TokenThrottle,)

    @extend_schema(request=RefreshForm, responses={200: TokensAnswer})
    def post(self, request: Request) -> Response:
        """New tokens; the old refresh token is spent."""
        form = RefreshForm(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(TokensAnswer(tokens.refresh(form.validated_data["refresh"])).data)


class RevokeView(Door):
    """Sign out."""

    throttle_classes = (TokenThrottle,)

    @extend_schema(request=RefreshForm, responses={204: None})
    def post(self, request: Request) -> Response:
        """204, also for a token that is not known."""
        form = RefreshForm(data=request.data)
        form.is_valid(raise_exception=True)
        tokens.revoke(form.validated_data["refresh"])
        return Response(status=204)


class AdminSessionView(APIView):
    """Django admin wants a session cookie: an operator gets one for the access token."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """204 and the cookie; 403 for who is no operator."""
        user = person(request)
        if not user.is_staff or not isinstance(request.auth, Session):
            raise NotAllowed("The admin is for operators.")
        record(user.jid, AuditEntry.Action.SIGN_IN, user.jid, where="admin")
        login(request._request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
        request._request.session["sign_in"] = request.auth.pk.hex
        request._request.session["signed_in_at"] = timezone.now().isoformat()
        return Response(status=204)
