"""The list of cameras as an operator needs it: what is wrong, where, since when; and what can be done about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from cameras.admin import CameraAdmin
from cameras.models import Camera
from ucam.operator import facts, figures
from ucam.operator.actions import CameraActions
from ucam.operator.filters import ENROLLED, TroubleFilter

MARK = '<span class="mark mark--{}">{}</span>'


class CameraList(ChangeList):
    """Rows with their facts."""

    def get_results(self, request: HttpRequest) -> None:
        """Also what is stored of each and its alerts, for the whole page at once."""
        super().get_results(request)
        facts.attach(list(self.result_list), timezone.now())


class OperatorCameras(CameraActions, CameraAdmin):
    """One line a camera; the troubled ones are found by the filter on the right."""

    list_display = ("jid_text", "condition", "today", "stored", "spool", "clock", "version")
    list_filter: ClassVar[tuple[Any, ...]] = (TroubleFilter, "location")
    list_per_page = 100
    actions = (
        "enrol", "new_code", "identify", "restart_live", "restart_recorder", "change_settings", "move", "revoke_tokens",
    )  # fmt: skip

    class Media:
        css = {"all": ("css/admin_operator.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Camera]:
        """With whether a device holds a token."""
        return super().get_queryset(request).annotate(has_token=ENROLLED)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Not "Select camera to change": most look only."""
        return super().changelist_view(request, {"title": gettext("Cameras"), **(extra_context or {})})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Ours."""
        return CameraList

    def get_urls(self) -> list[URLPattern]:
        """The page of figures goes before Django's own, which take any text as an id."""
        view = self.admin_site.admin_view
        return [
            path("figures/", view(figures.page), name="cameras_camera_figures"),
            path("figures.json", view(figures.data), name="cameras_camera_figures_data"),
            *super().get_urls(),
        ]

    @admin.display(description=gettext_lazy("condition"))
    def condition(self, camera: Camera) -> SafeString:
        """Its alerts, each a way to what to do; else how it is."""
        alerts = camera.facts.alerts  # type: ignore[attr-defined]
        if alerts:
            lines = (
                (alert.level, reverse("admin:cameras_alert_change", args=[alert.pk]), alert.words()[0])
                for alert in alerts
            )
            return format_html_join("", '<a class="mark mark--{}" href="{}">{}</a> ', lines)
        if not camera.has_token:  # type: ignore[attr-defined]
            address = reverse("admin:cameras_camera_enrol", args=[camera.pk])
            return format_html('<a href="{}">{}</a>', address, gettext("not enrolled yet"))
        if not camera.online:
            return format_html(MARK, "warning", self.state(camera))
        recording = facts.status_of(camera).get("recording")
        return format_html(
            MARK, *(("ok", gettext("records")) if recording else ("off", gettext("connected, not recording")))
        )

    @admin.display(description=gettext_lazy("today"))
    def today(self, camera: Camera) -> SafeString:
        """How much of the day is there."""
        day = camera.facts.day  # type: ignore[attr-defined]
        if not day.missing:
            return format_html(MARK, "ok", f"{day.percent} %")
        missing = facts.duration(timedelta(milliseconds=day.missing))
        words = f"{day.percent} %, " + gettext("{length} missing").format(length=missing)
        return format_html(MARK, "warning", words)

    @admin.display(description=gettext_lazy("stored until"), ordering="latest_at")
    def stored(self, camera: Camera) -> SafeString:
        """How old the newest stored picture is."""
        return _marked(facts.stored_words(camera, timezone.now()))

    @admin.display(description=gettext_lazy("on the camera"))
    def spool(self, camera: Camera) -> SafeString:
        """What waits there."""
        return _marked(facts.spool_words(camera))

    @admin.display(description=gettext_lazy("clock"))
    def clock(self, camera: Camera) -> SafeString:
        """Against the server's."""
        return _marked(facts.clock_words(camera))

    @admin.display(description=gettext_lazy("agent"))
    def version(self, camera: Camera) -> str:
        """As it said last."""
        return str(facts.status_of(camera).get("version", ""))


def _marked(told: tuple[str, str]) -> SafeString:
    level, words = told
    return format_html(MARK, "warning" if level == "trouble" else level, words or "–")
