"""What the handshake of a websocket tells: where the page comes from, and the token of a device."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.cookie import parse_cookie
from django.utils.translation import get_language_from_request

from accounts.authentication import bearer


def header(scope: dict[str, Any], name: bytes) -> str | None:
    """The value of a header, None without it."""
    values = [value for key, value in scope.get("headers", []) if key.lower() == name]
    return values[0].decode("latin-1") if values else None


def device_token(scope: dict[str, Any]) -> str | None:
    """The bearer token of the Authorization header. Nothing is ever read from the URL: addresses end up in logs."""
    return bearer(header(scope, b"authorization") or "")


def language(scope: dict[str, Any]) -> str:
    """What the page that opens this is shown in: the person's own choice, else what the browser asks for."""
    request = HttpRequest()
    request.COOKIES = parse_cookie(header(scope, b"cookie") or "")
    request.META["HTTP_ACCEPT_LANGUAGE"] = header(scope, b"accept-language") or ""
    return get_language_from_request(request)


def origin_allowed(origin: str | None) -> bool:
    """Whether a page of this origin may open the room; programs send none."""
    return origin is None or origin.lower() in _origins()


def _origins() -> set[str]:
    own = {settings.UCAM_URL.lower()}
    if _is_loopback(settings.UCAM_BIND_HOST):
        own |= {f"http://{host}:{settings.UCAM_BIND_PORT}" for host in settings.LOOPBACK_HOSTS}
    return {_without_default_port(url) for url in own}


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_default_port(url: str) -> str:
    """As browsers write an origin."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return url.rpartition(":")[0] if parts.port is not None and parts.port == default else url
