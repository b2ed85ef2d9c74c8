"""Every door, whom it lets in and what it answers. A route or method without a line here fails the build.

One line a door: method, route as the URLconf writes it, who, and the name of the object (`world.py`) that fills the
route's parameters. docs/development.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from cameras.models import Right
from storage.range import text_of
from tests.security.answers import (
    AT_ADMIN,
    Kind,
    Who,
    admin,
    any_device,
    device,
    everybody,
    may,
    nobody_else,
    operators,
    owner,
    signed_in,
)
from tests.security.world import PATCH, TUS, Parameters, create_headers
from tests.storage.footage import TEN_O_CLOCK_MS

Fill = Callable[[Parameters], Any]
CAMERA = "api/cameras/<str:jid>/"
HOUR = urlencode({"from": text_of(TEN_O_CLOCK_MS), "to": text_of(TEN_O_CLOCK_MS + 3_600_000)})


@dataclass(frozen=True)
class Door:
    """One line. `body` and `headers` are made from the parameters of the object."""

    method: str
    route: str
    who: Who
    about: str = ""
    query: str = ""
    body: Fill | None = None
    headers: Callable[[Parameters], dict[str, str]] | None = None

    def __str__(self) -> str:
        return f"{self.method} /{self.route}"


def range_of(camera: Parameters) -> dict[str, str]:
    """A stretch of the past in a form."""
    return {"from": "2026-11-20T10:00:00Z", "to": "2026-11-20T10:01:00Z"}


MADE = {"ticket": "no ticket", "credential": {}, "name": "Phone"}


def soon() -> str:
    """An hour from now."""
    return (timezone.now() + timedelta(hours=1)).isoformat()


API = [
    Door("GET", "api/schema/", everybody()),
    Door("POST", "api/sign-in/", everybody(202), body=lambda _: {"email": "nobody@example.com"}),
    Door("POST", "api/token/", everybody(400), body=lambda _: {"link": "no.link"}),
    Door("POST", "api/token/passkey/", everybody(410), body=lambda _: {"ticket": "no ticket", "credential": {}}),
    Door("POST", "api/token/refresh/", everybody(401), body=lambda _: {"refresh": "no.token"}),
    Door("POST", "api/token/revoke/", everybody(204), body=lambda _: {"refresh": "no.token"}),
    Door("POST", "api/admin-session/", operators(204, others=403)),
    Door("GET", "api/passkeys/", signed_in(guest=404)),
    Door("POST", "api/passkeys/", signed_in(410, guest=404), body=lambda _: MADE),
    Door("POST", "api/passkeys/proof/", signed_in(404)),  # they have none; who has: tests/accounts/test_passkeys.py
    Door("POST", "api/passkeys/options/", signed_in(409, guest=404), body=lambda _: {}),  # the address is a number
    Door("PATCH", "api/passkeys/<int:number>/", nobody_else(204), "passkey", body=lambda _: {"name": "Phone"}),
    Door("POST", "api/passkeys/<int:number>/remove/", nobody_else(403), "passkey", body=lambda _: {}),  # no proof
    Door("GET", "api/me/", signed_in()),
    Door("PATCH", "api/me/", signed_in(204), body=lambda _: {"language": "en"}),
    Door("GET", "api/locations/", signed_in()),
    Door("GET", "api/cameras/", signed_in()),
    Door("GET", CAMERA, may(guest=True), "camera"),
    Door("GET", f"{CAMERA}arrival/", may(Right.OPERATE), "camera"),
    Door("GET", "api/peers/", signed_in()),
    Door("GET", "api/alerts/", signed_in()),
    Door("POST", "api/alerts/<int:number>/claim/", may(), "alert"),
    Door("GET", "api/messages/", signed_in()),
    Door("POST", "api/device/enrol/", everybody(400), body=lambda _: {"code": "no code"}),
    Door("GET", "api/device/ice/", any_device()),
    Door("POST", "api/device/chunks/", any_device(201), headers=create_headers),
    Door("HEAD", "api/device/chunks/<str:name>", device(200), "upload", headers=lambda _: TUS),
    Door("PATCH", "api/device/chunks/<str:name>", device(204), "upload", headers=lambda _: PATCH),
    Door("POST", "api/device/report/", any_device(), body=lambda _: {"spool": {"bytes": 1}}),
    Door("GET", f"{CAMERA}playlist.m3u8", may(Right.REPLAY), "camera", query=HOUR),
    Door("GET", f"{CAMERA}chunks/<int:number>.mp4", may(Right.REPLAY), "chunk"),
    Door("GET", f"{CAMERA}coverage/", may(Right.REPLAY), "camera", query=HOUR),
    Door("GET", f"{CAMERA}days/", may(Right.REPLAY), "camera", query="month=2026-11"),
    Door("GET", f"{CAMERA}retention/", may(Right.OPERATE), "camera"),
    Door("GET", f"{CAMERA}snapshot.jpg", may(Right.WATCH, Right.REPLAY), "camera"),
    Door("GET", "api/exports/", signed_in()),
    Door(
        "POST", "api/exports/", may(Right.EXPORT, ok=202), "camera",
        body=lambda it: {"cameras": [it["jid"]], **range_of(it)},
    ),
    Door("GET", "api/exports/<uuid:number>/", owner(Right.EXPORT), "export"),
    Door("DELETE", "api/exports/<uuid:number>/", owner(Right.EXPORT, ok=204), "export"),
    Door("GET", "api/exports/<uuid:number>/download/", everybody(410, missing=410), "export"),  # without its key
    Door("GET", "api/holds/", signed_in()),
    Door("GET", "api/letter/", signed_in(guest=404)),
    Door("POST", "api/letter/stop/", everybody(410), body=lambda _: {"key": "no key"}),
    Door("POST", "api/guest/", everybody(410), body=lambda _: {"link": "no link"}),
    Door("GET", "api/guests/", signed_in()),
    Door(
        "POST", "api/guests/", may(Right.OPERATE, Right.WATCH, ok=201, guest=False), "camera",
        body=lambda it: {"name": "Eve", "cameras": [it["jid"]], "live": True, "until": soon()},
    ),
    Door("DELETE", "api/guests/<int:number>/", may(Right.OPERATE, ok=204), "guest"),
    Door("GET", "api/notices/", signed_in(guest=404)),
    Door("PUT", "api/notices/", signed_in(guest=404), body=lambda _: {"letter": False}),
    Door("POST", "api/notices/channels/", signed_in(400, guest=404), body=lambda _: {"kind": "push"}),
    Door("PATCH", "api/notices/channels/<int:number>/", owner(), "channel", body=lambda _: {"enabled": False}),
    Door("DELETE", "api/notices/channels/<int:number>/", owner(ok=204), "channel"),
    Door("POST", "api/notices/channels/<int:number>/test/", owner(ok=202), "channel"),
    Door("GET", "api/notices/channels/<int:number>/test/", owner(ok=404), "channel"),  # none was asked for
    Door("GET", "api/alerts/<int:number>/picture.jpg", may(Right.REPLAY, guest=False), "alert"),
    Door(
        "POST", "api/holds/", may(Right.HOLD, ok=201), "camera",
        body=lambda it: {"camera": it["jid"], "reason": "a test", "until": "2030-01-01T00:00:00Z", **range_of(it)},
    ),
    Door("GET", "api/holds/<int:number>/", may(Right.HOLD, Right.REPLAY, guest=False), "hold"),
    Door("DELETE", "api/holds/<int:number>/", may(Right.HOLD, ok=204), "hold"),
]  # fmt: skip

# Pages are shells without data; what they show they fetch in the person's name.
PAGES = [
    Door("GET", "", everybody()),
    Door("GET", "cameras/<str:jid>/", everybody(missing=200), "camera"),
    Door("GET", "room/", everybody()),
    Door("GET", "alerts/", everybody()),
    Door("GET", "offline/", everybody()),
    Door("GET", "sw.js", everybody()),
    Door("GET", "guest/", everybody()),
    Door("GET", "guests/", everybody()),
    Door("GET", "letter/", everybody()),
    Door("GET", "letter/stop/", everybody()),
    Door("GET", "notifications/", everybody()),
    Door("GET", "passkeys/", everybody()),
    Door("GET", "sign-in/", everybody()),
    Door("GET", "sign-in/<str:link>/", everybody(missing=200), "link"),
    Door("GET", "install/", everybody()),
    Door("GET", "install/ucam.sh", everybody()),
    Door("GET", "install/agent.json", everybody()),
    Door("GET", "install/wheels/", everybody()),
    Door("GET", "install/files/<str:name>", everybody(), "install file"),
    Door("GET", "install/cards/<str:shelf>/<str:name>", everybody(), "card"),  # a secret of 128 bits, for a day
    Door("GET", "healthz", everybody()),
    Door("GET", "readyz", everybody()),
    Door("GET", "metrics", operators(nobody=404)),
]

NOT_OPERATORS = AT_ADMIN - {Kind.OPERATOR}


def model(label: str, *, add: bool = False, change: bool = False, delete: bool = False) -> Iterator[Door]:
    """The six pages of a model in the admin; what is not named cannot be done there, by nobody."""
    base = f"admin/{label.replace('.', '/')}/"
    yield Door("GET", base, admin())
    yield Door("GET", f"{base}add/", admin(200 if add else 403))
    yield Door("GET", f"{base}<path:object_id>/change/", admin(), label)
    yield Door("GET", f"{base}<path:object_id>/history/", admin(), label)
    yield Door("GET", f"{base}<path:object_id>/delete/", admin(200 if delete else 403, 302 if delete else 403), label)
    yield Door("GET", f"{base}<path:object_id>/", everybody(302, missing=302), label)
    for page, allowed in (("add/", add), ("<path:object_id>/change/", change), ("<path:object_id>/delete/", delete)):
        who = admin(tried=NOT_OPERATORS) if allowed else admin(403, missing=403)
        yield Door("POST", f"{base}{page}", who, label if "<" in page else "")
    yield Door("POST", base, admin(tried=NOT_OPERATORS))


ADMIN = [
    Door("GET", "admin/", admin()),
    Door("GET", "admin/login/", Who(lambda kind, which: 302 if kind is Kind.OPERATOR else 200, words="everybody")),
    Door("POST", "admin/logout/", Who(lambda kind, which: 200 if kind is Kind.OPERATOR else 302, words="everybody")),
    Door("GET", "admin/password_change/", admin()),
    Door("GET", "admin/password_change/done/", admin()),
    Door("GET", "admin/autocomplete/", admin(403)),
    Door("GET", "admin/jsi18n/", admin()),
    Door("GET", "admin/r/<path:content_type_id>/<path:object_id>/", admin(404, missing=404), "content type"),
    Door("GET", "admin/^(?P<app_label>accounts|cameras|storage)/$", admin()),
    Door("GET", "admin/(?P<url>.*)$", admin(404)),
    Door("GET", "admin/cameras/camera/<int:pk>/enrol/", admin(missing=404), "camera row"),
    Door("POST", "admin/cameras/camera/<int:pk>/enrol/", admin(missing=404), "camera row"),
    Door("GET", "admin/cameras/camera/figures/", admin()),
    Door("GET", "admin/cameras/camera/figures.json", admin()),
    *model("accounts.user", add=True, change=True, delete=True),
    *model("accounts.session"),
    *model("accounts.passkey", delete=True),
    *model("accounts.auditentry"),
    *model("cameras.location", add=True, change=True, delete=True),
    *model("cameras.camera", add=True, change=True, delete=True),
    *model("cameras.alert"),
    *model("cameras.message"),
    *model("storage.chunk"),
    *model("storage.gap"),
    *model("storage.spoolreport"),
    *model("storage.total"),
    *model("storage.installation", change=True),
    *model("storage.hold"),
]

DOORS = [*API, *PAGES, *ADMIN]
