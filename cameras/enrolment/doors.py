"""HTTP doors of the way in: what a Pi downloads (no secrets, for everybody), and how far a camera has come."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import person
from accounts.errors import UcamError
from cameras.enrolment import arrival, wheels
from cameras.models import Camera, Right

# An address that means nothing else in a shell.
PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+")


class ArrivalView(APIView):
    """How far a new camera has come."""

    @extend_schema(responses={200: dict})
    def get(self, request: Request, jid: str) -> Response:
        """Steps in words, for who may operate the camera."""
        operated = Camera.objects.may(person(request), Right.OPERATE)
        camera = operated.by_jid(jid).select_related("location").first()
        if camera is None:
            raise Http404
        steps = arrival.steps(camera)
        return Response({"camera": str(camera.jid), "steps": steps, "arrived": all(s["state"] == "ok" for s in steps)})


@require_safe
def script(request: HttpRequest) -> HttpResponse:
    """The shell script for a Pi that runs already; it asks before it acts."""
    if not PLAIN_URL.fullmatch(settings.UCAM_URL):
        return HttpResponse("echo 'ucam: this server has a UCAM_URL that no shell takes.' >&2; exit 1\n", status=500)
    firstboot = wheels.FILES["ucam_firstboot.py"]
    text = (firstboot.parent / "install.sh").read_text(encoding="utf-8")
    known = wheels.sha256_of(firstboot, firstboot.stat().st_mtime_ns)
    return HttpResponse(
        text.replace("@SERVER@", settings.UCAM_URL).replace("@SHA256@", known), content_type="text/plain; charset=utf-8"
    )


@require_safe
def agent(request: HttpRequest) -> HttpResponse:
    """Names and hashes of what makes an agent."""
    try:
        return JsonResponse(wheels.manifest())
    except UcamError as error:
        return JsonResponse({"code": error.code, "message": error.message, "hint": error.hint}, status=error.status)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The packages as pip's --find-links wants them."""
    links = format_html_join(
        "\n", '<a href="../files/{0}">{0}</a><br>', ((file.name,) for file in wheels.dependencies())
    )
    return HttpResponse(format_html("<!doctype html><title>Packages for cameras</title>\n{}", links))


@require_safe
def file(request: HttpRequest, name: str) -> HttpResponse:
    """One of the files; names come from a list, never from the address."""
    found = wheels.served(name)
    if found is None:
        raise Http404
    return HttpResponse(found.read_bytes(), content_type="application/octet-stream")


@require_safe
def hand_over(request: HttpRequest) -> HttpResponse:
    """For whoever stands at the Pi: the lines to type. The code is behind the #, which browsers keep to themselves."""
    answer = render(request, "admin/cameras/hand_over.html", {"server": settings.UCAM_URL})
    answer["Referrer-Policy"] = "no-referrer"
    return answer
