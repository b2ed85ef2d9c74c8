"""The list of people with what each may do where, and when they were last here."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from accounts.admin import UserAdmin
from accounts.models import User
from ucam.operator import facts

NAMES = {
    "watch": gettext_noop("watch"), "replay": gettext_noop("replay"), "export": gettext_noop("export"),
    "hold": gettext_noop("hold"), "operate": gettext_noop("operate"),
}  # fmt: skip


class OperatorPeople(UserAdmin):
    """One line a person; the rights are changed on the person's page."""

    list_display: tuple[str, ...] = ("email", "name", "rights", "seen", "is_staff", "is_active")
    list_per_page = 100

    class Media:
        css = {"all": ("css/admin_operator.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With their rights and their newest sign-in, for all at once."""
        rows = super().get_queryset(request).prefetch_related("memberships__location")
        return rows.annotate(seen_at=Max("sessions__rotated_at"))

    @admin.display(description=gettext_lazy("may"))
    def rights(self, user: User) -> SafeString | str:
        """Place by place."""
        if user.is_staff:
            return gettext("everything, everywhere")
        lines = [(row.location.domain, _words(row.may, row.replay_hours)) for row in user.memberships.all() if row.may]
        return format_html_join("", "<div>{}: {}</div>", lines) or gettext("nothing")

    @admin.display(description=gettext_lazy("last here"), ordering="seen_at")
    def seen(self, user: User) -> str:
        """By the newest of their sign-ins."""
        at = user.seen_at  # type: ignore[attr-defined]
        return gettext("{length} ago").format(length=facts.duration(facts.since(at))) if at else gettext("never")


def _words(may: list[str], hours: int | None) -> str:
    last = gettext("last {hours} h").format(hours=hours)
    return ", ".join(
        f"{gettext(NAMES[right])} ({last})" if right == "replay" and hours else gettext(NAMES[right]) for right in may
    )
