"""The page "Add a camera" in the admin: the code, three ways to use it, and what the camera says of itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import segno
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, gettext_lazy

from cameras.enrolment.arrival import steps
from cameras.enrolment.card import card_files
from cameras.models import Camera, EnrolmentCode

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def qr_code(text: str) -> SafeString:
    """An SVG of black squares; without style, which the page's policy forbids."""
    picture = segno.make(text, error="m", micro=False)
    svg = picture.svg_inline(border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None)
    return mark_safe(svg)  # noqa: S308 - made by segno of our own address and code; holds no foreign text


def page_address(camera: Camera) -> str:
    """Where the page of a camera is."""
    return reverse("admin:cameras_camera_enrol", args=[camera.pk])


def install_line(code: str) -> str:
    """What is typed into a Pi that runs already."""
    return f"curl -fsSL {settings.UCAM_URL}/install/ucam.sh | sh -s -- {code}"


class EnrolmentPages(admin.ModelAdmin):
    """What a camera's admin gets besides: the page, the way to it after adding, an action for it."""

    def get_urls(self) -> list[URLPattern]:
        """The page goes before Django's own, which take any text as an id."""
        view = self.admin_site.admin_view(self.enrol_view)
        return [path("<int:pk>/enrol/", view, name="cameras_camera_enrol"), *super().get_urls()]

    def enrol_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: how far the camera is, and a button; POST: a new code, shown once."""
        camera = Camera.objects.select_related("location").filter(pk=pk).first()
        if camera is None:
            raise Http404
        if not self.has_change_permission(request, camera):
            raise PermissionDenied
        code = EnrolmentCode.objects.issue(camera) if request.method == "POST" else ""
        return self.enrol_page(request, camera, code)

    def enrol_page(self, request: HttpRequest, camera: Camera, code: str) -> HttpResponse:
        """The page; with a code it is kept by nobody (no-store)."""
        host = urlsplit(settings.UCAM_URL)
        facts: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": gettext("Enrol {camera}").format(camera=camera.jid),
            "opts": self.model._meta,
            "camera": camera,
            "address": page_address(camera),
            "server": settings.UCAM_URL,
            "unreachable": host.hostname in LOOPBACK,
            "plain_http": host.scheme == "http" and host.hostname not in LOOPBACK,
            "steps": steps(camera),
            "code": code,
        }
        if code:
            facts |= {
                "files": card_files(camera, code),
                "qr": qr_code(f"{settings.UCAM_URL}/install/#{code}"),
                "install_line": install_line(code),
                "command": f"ucam-agent enrol {settings.UCAM_URL} {code}",
            }
        answer = TemplateResponse(request, "admin/cameras/enrol.html", facts)
        answer["Cache-Control"] = "no-store"
        return answer

    def response_add(self, request: HttpRequest, obj: Camera, post_url_continue: str | None = None) -> HttpResponse:
        """A new camera needs a code first of all; the page replaces its own address, so that a reload adds nothing."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        return self.enrol_page(request, obj, EnrolmentCode.objects.issue(obj))

    @admin.action(description=gettext_lazy("Enrol: new code, card, QR code"), permissions=["change"])
    def enrol(self, request: HttpRequest, queryset: QuerySet[Camera]) -> HttpResponse | None:
        """The page of one camera."""
        chosen = queryset.first()
        if chosen is None or queryset.count() != 1:
            messages.error(request, gettext("Choose one camera: each has a code of its own."))
            return None
        return HttpResponseRedirect(page_address(chosen))
