"""The pages: shells without data. Each fetches what it shows from the API, in the person's name."""

import re
from functools import cache
from os.path import normpath
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView

_IMPORT = re.compile(r"^(?:import|export)\s[^;]*?from\s+'(\.[^']+)'", re.MULTILINE | re.DOTALL)


@cache
def modules_of(entry: str) -> tuple[str, ...]:
    """Static paths of all modules that `entry` imports: named in the page, so that the browser fetches them at once."""
    root = settings.BASE_DIR / "static"
    found: dict[str, None] = {}
    waiting = [root / entry]
    while waiting:
        module = waiting.pop()
        for name in _IMPORT.findall(module.read_text(encoding="utf-8")):
            imported = Path(normpath(module.parent / name))
            if (static_path := imported.relative_to(root).as_posix()) not in found:
                found[static_path] = None
                waiting.append(imported)
    return tuple(sorted(found))


class Page(TemplateView):
    """A shell: the template and the module that brings it to life."""

    page = ""

    def get_template_names(self) -> list[str]:
        return [f"web/{self.page}.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        module = f"js/pages/{self.page}.js"
        return super().get_context_data(page=self.page, module=module, modules=modules_of(module), **kwargs)


class OfflinePage(TemplateView):
    """What the service worker keeps and shows when there is no network; the same for everybody."""

    template_name = "web/offline.html"


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """The worker's file at the root: a worker rules what lies below its own address."""
    script = (settings.BASE_DIR / "static" / "js" / "sw.js").read_text(encoding="utf-8")
    return HttpResponse(script, content_type="text/javascript", headers={"Cache-Control": "no-cache"})


class ConfirmPage(Page):
    """One button; opening the link consumes nothing, and nobody is told where it was."""

    page = "sign_in_confirm"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "no-store"
        return response


urlpatterns = [
    path("", Page.as_view(page="wall"), name="wall"),
    path("cameras/<str:jid>/", Page.as_view(page="camera"), name="camera"),
    path("room/", Page.as_view(page="room"), name="room"),
    path("alerts/", Page.as_view(page="alerts"), name="alerts"),
    path("notifications/", Page.as_view(page="notices"), name="notifications"),
    path("passkeys/", Page.as_view(page="passkeys"), name="passkeys"),
    path("guests/", Page.as_view(page="guests"), name="guests"),
    path("guest/", Page.as_view(page="guest"), name="guest"),
    path("letter/", Page.as_view(page="letter"), name="letter"),
    path("letter/stop/", Page.as_view(page="letter_stop"), name="letter-stop"),
    path("offline/", OfflinePage.as_view(), name="offline"),
    path("sw.js", service_worker, name="service-worker"),
    path("sign-in/", Page.as_view(page="sign_in"), name="sign-in"),
    path("sign-in/<str:link>/", ConfirmPage.as_view(), name="sign-in-confirm"),
]
