"""People in the admin."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from accounts.audit import record
from accounts.models import AuditEntry, Passkey, Session, User
from accounts.sign_in import make_link
from accounts.trail import write

admin.site.unregister(Group)
admin.site.site_header = "ucam"
admin.site.site_title = "ucam"
admin.site.index_title = gettext_lazy("Operator's pages")


class Audited(admin.ModelAdmin):
    """What is added, changed or deleted here leaves its row in the audit trail: who, what, which fields; no values."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        """Django calls this after the row is there."""
        self._record(request, obj, "added", message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        """Django calls this after the change."""
        self._record(request, obj, "changed", message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[LogEntry]:
        """Django calls this before the rows go."""
        for obj in queryset:
            self._record(request, obj, "deleted", [])
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, obj: Model, done: str, message: Any) -> None:
        if not isinstance(request.user, User):
            return
        # Django's own list of what changed, in the words of the forms; inlines (rights) included.
        told = message if isinstance(message, list) else [str(message)]
        kind = obj._meta.verbose_name_raw  # the trail has one language
        record(request.user.jid, AuditEntry.Action.SETTINGS, f"{kind} {obj}", done=done, changes=told)


@admin.register(User)
class UserAdmin(Audited):
    """One page a person; their rights per location are edited below (cameras adds them)."""

    list_display: tuple[str, ...] = ("email", "name", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    fields = ("email", "name", "language", "is_active", "is_staff", "date_joined")
    readonly_fields = ("date_joined",)
    actions = ("end_sign_ins", "show_link")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Without guests: what is theirs stands on their link."""
        return super().get_queryset(request).filter(is_guest=False)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Operators have every right in the admin; nobody has a password."""
        obj.is_superuser = obj.is_staff
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)

    @admin.action(description=gettext_lazy("Sign these people out everywhere"))
    def end_sign_ins(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Their tokens stop working at once, their open pages within seconds."""
        count = Session.objects.filter(user__in=queryset).end(timezone.now())
        messages.success(request, gettext("{count} sign-ins ended.").format(count=count))

    @admin.action(description=gettext_lazy("Show a sign-in link to hand over"))
    def show_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """For people whose mail does not arrive; one person at a time."""
        user = queryset.filter(is_active=True).first()
        if user is None or queryset.count() != 1:
            messages.error(request, gettext("Choose one person who may sign in."))
            return
        text = gettext("Link for {person}, works once, for 10 minutes: {link}")
        messages.info(request, text.format(person=user, link=make_link(user)))


@admin.register(Session)
class SessionAdmin(admin.ModelAdmin):
    """Who is signed in where; ended by the action, never edited."""

    list_display = ("user", "agent", "created_at", "rotated_at", "ended_at")
    search_fields = ("user__email",)
    actions = ("end",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Made by signing in only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """Nothing to edit."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """Ended, not deleted."""
        return False

    @admin.action(description=gettext_lazy("End these sign-ins"), permissions=["view"])
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        """Tokens stop at once, sockets within seconds."""
        count = Session.objects.filter(pk__in=queryset).end(timezone.now())
        messages.success(request, gettext("{count} sign-ins ended.").format(count=count))


@admin.register(Passkey)
class PasskeyAdmin(Audited):
    """Who has which; for people who lost theirs, removed by another operator. Added by their owner only."""

    list_display = ("name", "user", "created_at", "used_at")
    search_fields = ("name", "user__email")
    fields = ("name", "user", "created_at", "used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Made on a person's own device only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Passkey | None = None) -> bool:
        """Nothing to edit."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Passkey | None = None) -> bool:
        """One's own goes by a ceremony, on the page of one's passkeys; a cookie alone must not do it."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.user != request.user)


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):
    """Who did what; to read."""

    list_display = ("at", "actor", "action", "subject", "details")
    list_filter = ("action", "at")
    search_fields = ("actor", "subject")
    date_hierarchy = "at"
    show_full_result_count = False
    actions = ("as_csv",)

    @admin.action(description=gettext_lazy("Download as CSV"), permissions=["view"])
    def as_csv(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> HttpResponse:
        """The chosen rows, oldest first; all of them: tick "select all"."""
        answer = HttpResponse(content_type="text/csv; charset=utf-8", headers={"Cache-Control": "no-store"})
        answer["Content-Disposition"] = 'attachment; filename="audit-trail.csv"'
        write(queryset.order_by("pk"), answer)
        return answer

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Written by what people do."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Never."""
        return False
