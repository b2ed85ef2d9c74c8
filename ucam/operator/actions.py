"""What an operator does with chosen cameras; whatever cannot be taken back is asked about on a page of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from accounts.audit import record
from accounts.models import AuditEntry, User
from cameras.models import Alert, Camera, DeviceToken, Location
from cameras.room import orders

Cameras = QuerySet[Camera]
Answer = HttpResponse | None
NUMBERS = ("width", "height", "fps", "bitrate_kbit", "keyframe_ms", "chunk_s", "retention_days")
SIZES = ("max_bytes", "spool_max_bytes", "uplink_kbit")


class ManySettings(forms.Form):
    """Settings for several cameras; an empty field leaves each camera's own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in (*NUMBERS, *SIZES):
            column: models.Field[Any, Any] = Camera._meta.get_field(name)  # type: ignore[assignment]
            if field := column.formfield(required=False, initial=None):
                field.help_text = str(field.help_text).replace(
                    gettext(" Empty: no limit."), ""
                )  # here empty means something else
                self.fields[name] = field
        self.label_suffix = ""

    @property
    def given(self) -> dict[str, Any]:
        """What was filled in."""
        return {name: value for name, value in self.cleaned_data.items() if value is not None}


class NewPlace(forms.Form):
    """Where to."""

    location = forms.ModelChoiceField(Location.objects.all(), label=gettext_lazy("New location"))


class CameraActions(admin.ModelAdmin):
    """The actions of the list of cameras."""

    @admin.action(description=gettext_lazy("Identify: blink its light for a minute"), permissions=["change"])
    def identify(self, request: HttpRequest, queryset: Cameras) -> None:
        """Which of the boxes is it?"""
        self._order(request, queryset, "blink", gettext("Its light shows where it is, for a minute"))

    @admin.action(description=gettext_lazy("Restart its live part (recording goes on)"), permissions=["change"])
    def restart_live(self, request: HttpRequest, queryset: Cameras) -> None:
        """Room, shipping and live pictures begin afresh."""
        self._order(request, queryset, "restart", gettext("It will be back in some seconds"))

    @admin.action(description=gettext_lazy("Restart its recorder (a gap of seconds)"), permissions=["change"])
    def restart_recorder(self, request: HttpRequest, queryset: Cameras) -> None:
        """Camera and encoder begin afresh."""
        self._order(request, queryset, "restart recorder", gettext("Its recorder begins afresh"))

    @admin.action(description=gettext_lazy("Change settings of all chosen"), permissions=["change"])
    def change_settings(self, request: HttpRequest, queryset: Cameras) -> Answer:
        """Only what is filled in; each camera by itself, so that one that cannot does not stop the others."""
        form = ManySettings(request.POST if "apply" in request.POST else None)
        if not form.is_valid() or not form.given:
            words = gettext("Fill in what shall be the same for all of these; an empty field leaves each camera's own.")
            return self._ask(request, queryset, "change_settings", gettext("Change settings"), words, form)
        for camera in queryset.select_related("location"):
            names = ", ".join(form.given)
            told = gettext("changed {names}").format(names=names)
            self._each(request, camera, (f"changed {names}", told), lambda one: _change(one, form.given))
        return None

    @admin.action(description=gettext_lazy("Move to another location"), permissions=["change"])
    def move(self, request: HttpRequest, queryset: Cameras) -> Answer:
        """Its JID changes with it, and who may see it."""
        form = NewPlace(request.POST if "apply" in request.POST else None)
        if not form.is_valid():
            words = gettext(
                "A camera's location is the part of its name behind the @, and decides who may see it: people of the "
                "new location will see its recordings, those of the old one will not any more. It keeps its token."
            )
            return self._ask(request, queryset, "move", gettext("Move to another location"), words, form)
        place = form.cleaned_data["location"]
        for camera in queryset.select_related("location"):
            told = gettext("moved to {place}").format(place=place)
            self._each(request, camera, (f"moved to {place}", told), lambda one: _move(one, place))
        return None

    @admin.action(description=gettext_lazy("Revoke tokens: cut these devices off"), permissions=["change"])
    def revoke_tokens(self, request: HttpRequest, queryset: Cameras) -> Answer:
        """For a camera that was stolen or sold."""
        if "apply" not in request.POST:
            words = gettext(
                "These devices are cut off within seconds and come back only with a new enrolment code. What is stored "
                "stays. What they have not shipped yet stays on them. To give a device a new token without cutting it "
                "off, make a new enrolment code instead: its old token ends once the code is used."
            )
            return self._ask(request, queryset, "revoke_tokens", gettext("Revoke tokens"), words, forms.Form())
        for camera in queryset.select_related("location"):
            count = DeviceToken.objects.filter(camera=camera).revoke(timezone.now())
            told = _did(camera, gettext("revoked {count} tokens").format(count=count))
            self._done(request, camera, f"revoked {count} tokens", told)
        return None

    def _ask(
        self, request: HttpRequest, queryset: Cameras, action: str, title: str, words: str, form: forms.Form
    ) -> HttpResponse:
        """The page between; its button sends the same action again, with `apply`."""
        facts = {
            **self.admin_site.each_context(request), "title": title, "opts": self.model._meta, "words": words,
            "action": action, "cameras": queryset.select_related("location"), "form": form,
        }  # fmt: skip
        return TemplateResponse(request, "admin/cameras/ask.html", facts)

    def _order(self, request: HttpRequest, queryset: Cameras, order: str, follows: str) -> None:
        """Say it in the room; who is not there cannot hear it."""
        chosen = list(queryset.select_related("location"))
        if not isinstance(request.user, User):
            return
        away = orders.ask(request.user, chosen, order)
        for camera in chosen:
            if camera in away:
                text = gettext("Not asked, for it is not connected: {camera}. Look at its alert.")
                messages.warning(request, text.format(camera=camera))
            else:
                text = gettext("Asked {camera}: {order}. {follows}; it answers in the room.")
                self._done(request, camera, order, text.format(camera=camera, order=order, follows=follows))

    def _each(
        self, request: HttpRequest, camera: Camera, done: tuple[str, str], verb: Callable[[Camera], None]
    ) -> None:
        """`done`: for the audit trail, which has one language, and for whoever does it."""
        before = str(camera)
        try:
            with transaction.atomic():
                verb(camera)
        except ValidationError as error:
            _left(request, before, " ".join(error.messages))
        except IntegrityError:
            _left(request, before, gettext("There is a camera of that name already."))
        else:
            self._done(request, camera, done[0], _did(before, done[1]))

    def _done(self, request: HttpRequest, camera: Camera, done: str, words: str) -> None:
        """Into the audit trail, and a line for whoever did it."""
        if isinstance(request.user, User):
            record(request.user.jid, AuditEntry.Action.SETTINGS, camera.jid, done=done)
        messages.success(request, words)


def _did(camera: Camera | str, done: str) -> str:
    return gettext("Done with {camera}: {done}.").format(camera=camera, done=done)


def _left(request: HttpRequest, camera: str, why: str) -> None:
    messages.error(request, gettext("Left as it is: {camera}. {why}").format(camera=camera, why=why))


def _change(camera: Camera, values: dict[str, Any]) -> None:
    """Raises ValidationError when the whole does not fit together."""
    for name, value in values.items():
        setattr(camera, name, value)
    camera.full_clean(validate_unique=False, validate_constraints=False)
    camera.save()


def _move(camera: Camera, place: Location) -> None:
    """With its open alerts; raises IntegrityError when the name is taken there. The room sees it within seconds."""
    camera.location = place
    camera.save()
    Alert.objects.open().filter(camera=camera).update(location=place)
