"""Storage in the admin: to look at, not to change."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Sum
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from accounts.admin import Audited
from cameras.sentences import translated
from storage.errors import StorageAway
from storage.forecast import Facts, forecast
from storage.models import Chunk, Gap, Hold, Installation, SpoolReport, Total
from storage.models.chunk import instant_of


class ReadOnly(admin.ModelAdmin):
    """Nothing can be added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Chunk)
class ChunkAdmin(ReadOnly):
    """Files of footage."""

    list_display = (
        "camera",
        "started_at",
        "ended_at",
        "state",
        "size",
        "frames",
        "dropped",
        "clock",
        "placed",
        "moved_at",
    )
    list_filter = ("state", "clock", "placed", ("moved_at", admin.EmptyFieldListFilter), "camera")
    list_select_related = ("camera__location",)
    exclude = ("fragments",)
    show_full_result_count = False
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("size"), ordering="bytes")
    def size(self, chunk: Chunk) -> str:
        """In words."""
        return filesizeformat(chunk.bytes)


@admin.register(Gap)
class GapAdmin(ReadOnly):
    """What is not stored."""

    list_display = ("camera", "cause", "begin", "end", "detail", "reported_at")
    list_filter = ("cause", "camera")
    list_select_related = ("camera__location",)
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("from"))
    def begin(self, gap: Gap) -> datetime:
        """As an instant."""
        return instant_of(gap.from_ms)

    @admin.display(description=gettext_lazy("to"))
    def end(self, gap: Gap) -> datetime:
        """As an instant."""
        return instant_of(gap.to_ms)


@admin.register(SpoolReport)
class SpoolReportAdmin(ReadOnly):
    """What waits on the cameras."""

    list_display = ("camera", "waits", "room", "synchronised", "offset_ms", "reported_at")
    list_select_related = ("camera__location",)

    @admin.display(description=gettext_lazy("on the camera"))
    def waits(self, report: SpoolReport) -> str:
        """In words."""
        return "" if report.spool_bytes is None else filesizeformat(report.spool_bytes)

    @admin.display(description=gettext_lazy("room for"))
    def room(self, report: SpoolReport) -> str:
        """In words."""
        return "" if report.quota_bytes is None else filesizeformat(report.quota_bytes)


class TotalList(ChangeList):
    """Rows with what fits, in words."""

    def get_results(self, request: HttpRequest) -> None:
        """What all forecasts stand on is asked for once."""
        super().get_results(request)
        now, away = timezone.now(), ""
        facts: Facts | None = None
        try:
            facts = Facts.of(now)
        except StorageAway as error:
            away = gettext(error.message)
        rows: list[Any] = list(self.result_list)
        for total in rows:
            total.fits = translated(forecast(total.camera, now, facts).words) if facts else away


@admin.register(Total)
class TotalAdmin(ReadOnly):
    """What is stored of each camera."""

    list_display = ("camera", "size", "moved", "hours", "chunks", "what_fits")
    list_select_related = ("camera__location",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Ours."""
        return TotalList

    @admin.display(description=gettext_lazy("stored"), ordering="bytes")
    def size(self, total: Total) -> str:
        """In words."""
        return filesizeformat(total.bytes)

    @admin.display(description=gettext_lazy("of it on the second storage"), ordering="moved_bytes")
    def moved(self, total: Total) -> str:
        """In words."""
        return filesizeformat(total.moved_bytes)

    @admin.display(description=gettext_lazy("hours"), ordering="ms")
    def hours(self, total: Total) -> str:
        """Of footage."""
        return f"{total.ms / 3_600_000:.1f}"

    @admin.display(description=gettext_lazy("retention"))
    def what_fits(self, total: Total) -> str:
        """In words."""
        return str(getattr(total, "fits", ""))


@admin.register(Installation)
class InstallationAdmin(Audited):
    """What holds for all cameras. There is one row."""

    list_display = ("uuid", "retention_days", "move_after_days", "second_storage", "retention_at")
    fields = (
        "uuid", "retention_days", "retention_at", "marked_at", "move_after_days", "second_storage", "second_marked_at"
    )  # fmt: skip
    readonly_fields = ("uuid", "retention_at", "marked_at", "second_storage", "second_marked_at")

    @admin.display(description=gettext_lazy("second storage"))
    def second_storage(self, installation: Installation) -> str:
        """Where, and how much lies there."""
        size = Total.objects.aggregate(sum=Sum("moved_bytes"))["sum"] or 0
        where = settings.UCAM_SECOND_TIER or gettext("none (UCAM_SECOND_TIER)")
        return f"{where}, {size / 2**30:.1f} GiB"

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """It is there."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It stays."""
        return False


@admin.register(Hold)
class HoldAdmin(ReadOnly):
    """What is kept from deletion; placed and released through the API, so that the trail tells who did it."""

    list_display = ("camera", "reason", "owner", "begin", "end", "until", "released_at", "released_by")
    list_filter = ("camera",)
    list_select_related = ("camera__location",)

    @admin.display(description=gettext_lazy("from"))
    def begin(self, hold: Hold) -> datetime:
        """As an instant."""
        return instant_of(hold.from_ms)

    @admin.display(description=gettext_lazy("to"))
    def end(self, hold: Hold) -> datetime:
        """As an instant."""
        return instant_of(hold.to_ms)
