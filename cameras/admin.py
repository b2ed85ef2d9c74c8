"""Places, cameras, rights, alerts and messages in the admin."""

from __future__ import annotations

from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from accounts.admin import Audited, UserAdmin
from cameras.enrolment.admin_page import EnrolmentPages
from cameras.forms import CameraForm
from cameras.models import Alert, Camera, EnrolmentCode, Location, Membership, Message
from cameras.room.spoken import in_language, words_of
from cameras.sentences import clock


class MembershipInline(admin.TabularInline):
    """Rights of a person, place by place; or of a place, person by person."""

    model = Membership
    extra = 0
    autocomplete_fields = ("location", "user")


UserAdmin.inlines = [MembershipInline]


@admin.register(Location)
class LocationAdmin(Audited):
    """One page a place, with who may do what there."""

    list_display = ("domain", "name", "timezone", "camera_count")
    search_fields = ("domain", "name")
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Location]:
        """With the number of their cameras."""
        return super().get_queryset(request).annotate(count=Count("cameras"))

    def get_readonly_fields(self, request: HttpRequest, obj: Location | None = None) -> tuple[str, ...]:
        """The domain is part of names that devices and recordings carry."""
        return ("domain",) if obj else ()

    @admin.display(description=gettext_lazy("cameras"))
    def camera_count(self, location: Location) -> int:
        """How many."""
        return location.count  # type: ignore[attr-defined]


@admin.register(Camera)
class CameraAdmin(Audited, EnrolmentPages):
    """One page a camera."""

    form = CameraForm
    list_display: tuple[str, ...] = ("jid_text", "name", "state", "latest_at")
    list_filter: ClassVar[tuple[Any, ...]] = ("location",)
    list_select_related = ("location",)
    search_fields = ("local", "name", "location__domain")
    readonly_fields = ("state", "status_words", "latest_at", "enrolled", "created_at")
    actions: tuple[str, ...] = ("enrol", "new_code")
    fieldsets = (
        (None, {"fields": ("location", "local", "name", "state", "status_words", "latest_at", "enrolled")}),
        (
            gettext_lazy("Picture"),
            {
                "fields": ("source", ("width", "height", "fps"), ("bitrate_kbit", "keyframe_ms")),
                "description": gettext_lazy(
                    'An IP camera: {"kind": "rtsp", "url": "rtsp://user:password@host/path"}, and, if it '
                    'has a small stream for walls and phones, "sub": "rtsp://host/path". Passwords are not shown again.'
                ),
            },
        ),
        (
            gettext_lazy("Sound"),
            {
                "fields": ("audio",),
                "description": gettext_lazy(
                    "Recording what people say needs their consent in many countries, and is a crime "
                    "without it. Ask before you switch it on, and put up a sign."
                ),
            },
        ),
        (
            gettext_lazy("Recording"),
            {"fields": ("chunk_s", "retention_days", "max_bytes", "spool_max_bytes", "schedule", "uplink_kbit")},
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Camera | None = None) -> tuple[str, ...]:
        """The JID is what device and recordings are known by."""
        return (*self.readonly_fields, "location", "local") if obj else self.readonly_fields

    @admin.display(description=gettext_lazy("JID"), ordering="local")
    def jid_text(self, camera: Camera) -> str:
        """As everybody writes it."""
        return str(camera.jid)

    @admin.display(description=gettext_lazy("state"))
    def state(self, camera: Camera) -> str:
        """In words."""
        if camera.online:
            return gettext("in the room")
        if camera.disconnected_at:
            since = clock(camera.disconnected_at, ZoneInfo(camera.location.timezone))
            return gettext("offline since {time}").format(time=since)
        return gettext("never seen")

    @admin.display(description=gettext_lazy("what it says of itself"))
    def status_words(self, camera: Camera) -> str:
        """The parts in words."""
        parts = (camera.status or {}).get("parts", {})
        told = (
            f"{gettext(part)}: {words_of(state, ZoneInfo(camera.location.timezone)) or state['state']}"
            for part, state in parts.items()
        )
        return "; ".join(told) or gettext("nothing yet")

    @admin.display(description=gettext_lazy("enrolled"), boolean=True)
    def enrolled(self, camera: Camera) -> bool:
        """Whether a device holds a token for it."""
        return camera.tokens.filter(revoked_at=None).exists()

    @admin.action(description=gettext_lazy("New enrolment codes, as text"))
    def new_code(self, request: HttpRequest, queryset: QuerySet[Camera]) -> None:
        """Older codes that nobody used stop working."""
        for camera in queryset.select_related("location"):
            self._show_code(request, camera)

    def _show_code(self, request: HttpRequest, camera: Camera) -> None:
        text = gettext("Enrolment code of {}, works once, for a day: {}")
        messages.info(request, format_html(text, camera.jid, EnrolmentCode.objects.issue(camera)))


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that the product writes and nobody edits."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


ALERT_STATES = {
    "raised": gettext_noop("raised"), "claimed": gettext_noop("claimed"), "cleared": gettext_noop("cleared"),
}  # fmt: skip


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """Alerts, newest first."""

    list_display = ("title_text", "level", "state_text", "location", "camera", "raised_at", "claimed_by", "cleared_at")
    list_select_related = ("location", "camera__location", "claimed_by")
    list_filter = ("level", "kind", "location")
    fields = (
        "kind", "camera", "location", "level", "title_text", "words", "raised_at", "claimed_by", "claimed_at",
        "cleared_at",
    )  # fmt: skip

    @admin.display(description=gettext_lazy("title"), ordering="title")
    def title_text(self, alert: Alert) -> str:
        """In the reader's language."""
        return alert.words()[0]

    @admin.display(description=gettext_lazy("text"))
    def words(self, alert: Alert) -> str:
        """In the reader's language."""
        return alert.words(ZoneInfo(alert.location.timezone) if alert.location else timezone.get_current_timezone())[1]

    @admin.display(description=gettext_lazy("state"))
    def state_text(self, alert: Alert) -> str:
        """In a word."""
        return gettext(ALERT_STATES[alert.state])


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """What was said to the room; what was said to one person stays between the two."""

    list_display = ("sent_at", "from_jid", "words", "camera")
    list_select_related = ("camera__location",)

    @admin.display(description=gettext_lazy("text"))
    def words(self, message: Message) -> str:
        """What a person said as it was said, what a camera said in the reader's language."""
        return in_language(message.as_chat()).text

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Without private messages."""
        return super().get_queryset(request).filter(to_jid="").order_by("-pk")
