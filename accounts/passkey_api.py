"""HTTP doors of a person's own passkeys. Others' do not exist here; operators remove them in the admin."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from accounts import ceremonies
from accounts.api import AnsweredForm, AskedAnswer
from accounts.authentication import person
from accounts.errors import NotAllowed
from accounts.models import Ceremony, Passkey, Session, User

NO_STORE = {"Cache-Control": "no-store"}
NAME_MAX = 60


class PasskeyThrottle(UserRateThrottle):
    """Each ceremony is a row and a signature to check."""

    scope = "passkey"
    rate = "60/min"


class NameForm(serializers.Serializer[dict[str, str]]):
    """What the person calls it."""

    name = serializers.CharField(max_length=NAME_MAX, error_messages={"blank": "Give the passkey a name."})


class NewForm(AnsweredForm):
    """A new passkey."""

    name = serializers.CharField(max_length=NAME_MAX, error_messages={"blank": "Give the passkey a name."})


class ProofForm(serializers.Serializer[dict[str, Any]]):
    """The answer of a passkey to `/api/passkeys/proof/`, where one is needed."""

    proof = AnsweredForm(required=False, allow_null=True, default=None)

    @classmethod
    def read(cls, sent: Any) -> ceremonies.Answered | None:
        """Raises ValidationError in words."""
        form = cls(data=sent)
        form.is_valid(raise_exception=True)
        proof = form.validated_data["proof"]
        return proof and ceremonies.Answered(proof["ticket"], proof["credential"])


class PasskeyAnswer(serializers.Serializer[Passkey]):
    """One of them."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True)


class PasskeysAnswer(serializers.Serializer[dict[str, Any]]):
    """All of them. `possible`: whether browsers have passkeys for the address of this server."""

    possible = serializers.BooleanField()
    passkeys = PasskeyAnswer(many=True)


class AddedAnswer(PasskeyAnswer):
    """A new one. `signed_out`: sign-ins on other devices that ended, for a link alone had given them."""

    signed_out = serializers.IntegerField()


class OwnView(APIView):
    """For people who sign in by mail; guests have a link that ends instead."""

    throttle_classes = (PasskeyThrottle,)

    def holder(self, request: Request) -> tuple[User, Session]:
        """Who asks, and by which sign-in."""
        user = person(request)
        if user.is_guest:
            raise Http404
        if not isinstance(request.auth, Session):
            raise NotAllowed()
        return user, request.auth

    def own(self, request: Request, number: int) -> tuple[Passkey, Session]:
        """A passkey of the asker's."""
        user, session = self.holder(request)
        passkey = Passkey.objects.of(user).filter(pk=number).select_related("user").first()
        if passkey is None:
            raise Http404
        return passkey, session


class PasskeysView(OwnView):
    """The person's passkeys."""

    @extend_schema(responses={200: PasskeysAnswer})
    def get(self, request: Request) -> Response:
        """Oldest first."""
        user, _ = self.holder(request)
        mine = {"possible": ceremonies.possible(), "passkeys": Passkey.objects.of(user)}
        return Response(PasskeysAnswer(mine).data, headers=NO_STORE)

    @extend_schema(request=NewForm, responses={201: AddedAnswer})
    def post(self, request: Request) -> Response:
        """Keep the passkey that the browser made for `/api/passkeys/options/`."""
        _, session = self.holder(request)
        form = NewForm(data=request.data)
        form.is_valid(raise_exception=True)
        told = form.validated_data
        answered = ceremonies.Answered(told["ticket"], told["credential"])
        passkey, ended = ceremonies.add(session, answered, told["name"], timezone.now())
        return Response(PasskeyAnswer(passkey).data | {"signed_out": ended}, status=201, headers=NO_STORE)


class ProofView(OwnView):
    """Before something changes."""

    @extend_schema(request=None, responses={200: AskedAnswer})
    def post(self, request: Request) -> Response:
        """What one of the person's passkeys must answer; 404 for who has none."""
        user, session = self.holder(request)
        if not user.passkeys.exists():
            raise Http404
        asked = ceremonies.ask(user, Ceremony.Purpose.PROVE, timezone.now(), session=session)
        return Response(AskedAnswer(asked).data, headers=NO_STORE)


class OptionsView(OwnView):
    """Before a passkey is made."""

    @extend_schema(request=ProofForm, responses={200: AskedAnswer})
    def post(self, request: Request) -> Response:
        """What a new passkey must answer; whoever has one brings the proof of it."""
        user, session = self.holder(request)
        asked = ceremonies.offer(user, session, ProofForm.read(request.data), timezone.now())
        return Response(AskedAnswer(asked).data, headers=NO_STORE)


class PasskeyView(OwnView):
    """One passkey."""

    @extend_schema(request=NameForm, responses={204: None})
    def patch(self, request: Request, number: int) -> Response:
        """Another name."""
        passkey, _ = self.own(request, number)
        form = NameForm(data=request.data)
        form.is_valid(raise_exception=True)
        ceremonies.rename(passkey, form.validated_data["name"])
        return Response(status=204)


class RemoveView(OwnView):
    """The end of one."""

    @extend_schema(request=ProofForm, responses={204: None})
    def post(self, request: Request, number: int) -> Response:
        """Remove it, with the proof of one of the person's passkeys: any, this one too."""
        passkey, session = self.own(request, number)
        ceremonies.remove(passkey, session, ProofForm.read(request.data), timezone.now())
        return Response(status=204)
