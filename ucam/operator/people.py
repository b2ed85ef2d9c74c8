"""The list of people with what each may do where, and when they were last here."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.admin import UserAdmin
from accounts.models import User
from ucam.operator import facts


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

    @admin.display(description="may")
    def rights(self, user: User) -> SafeString | str:
        """Place by place."""
        if user.is_staff:
            return "everything, everywhere"
        lines = [(row.location.domain, _words(row.may, row.replay_hours)) for row in user.memberships.all() if row.may]
        return format_html_join("", "<div>{}: {}</div>", lines) or "nothing"

    @admin.display(description="last here", ordering="seen_at")
    def seen(self, user: User) -> str:
        """By the newest of their sign-ins."""
        at = user.seen_at  # type: ignore[attr-defined]
        return f"{facts.duration(facts.since(at))} ago" if at else "never"


def _words(may: list[str], hours: int | None) -> str:
    return ", ".join(f"{right} (last {hours} h)" if right == "replay" and hours else right for right in may)
