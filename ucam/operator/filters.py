"""The list of cameras, by trouble."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from cameras.models import Alert, Camera, DeviceToken
from ucam.operator.facts import TROUBLED_CLOCK

BEHIND = timedelta(minutes=5)
OFFLINE = ~Q(connected_at__isnull=False, disconnected_at=None)
OPEN_ALERT = Exists(Alert.objects.open().filter(camera=OuterRef("pk")))
ENROLLED = Exists(DeviceToken.objects.alive().filter(camera=OuterRef("pk")))

# Name in the address: what it says, and which cameras those are.
TROUBLES: dict[str, tuple[str, Callable[[datetime], Q]]] = {
    "alert": (gettext_noop("Any open alert"), lambda now: Q(OPEN_ALERT)),
    "offline": (gettext_noop("Not connected"), lambda now: OFFLINE & Q(ENROLLED)),
    "idle": (gettext_noop("Connected, not recording"), lambda now: ~OFFLINE & ~Q(status__recording=True)),
    "behind": (gettext_noop("Nothing stored for 5 minutes"), lambda now: Q(ENROLLED) & ~Q(latest_at__gt=now - BEHIND)),
    "waiting": (gettext_noop("Storage not reached"), lambda now: Q(status__parts__storage__state="broken")),
    "clock": (gettext_noop("Clock not known"), lambda now: Q(status__parts__clock__state__in=TROUBLED_CLOCK)),
    "new": (gettext_noop("Not enrolled"), lambda now: ~Q(ENROLLED)),
}


class TroubleFilter(SimpleListFilter):
    """One trouble at a time."""

    title = gettext_lazy("trouble")
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> list[tuple[str, str]]:
        """All of them, also those that no camera has now."""
        return [(name, gettext(words)) for name, (words, _) in TROUBLES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Camera]) -> QuerySet[Camera]:
        """Those that have it."""
        trouble = TROUBLES.get(self.value() or "")
        return queryset.filter(trouble[1](timezone.now())) if trouble else queryset
