"""System checks that refuse a wrong deployment with a sentence on how to mend it."""

from __future__ import annotations

import stat
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

LOOPBACK = ("127.", "localhost", "::1")


def beyond_loopback() -> bool:
    """Whether other machines can reach the server."""
    return not settings.UCAM_BIND_HOST.startswith(LOOPBACK)


@register
def debug_stays_at_home(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """DEBUG shows settings and source to whoever finds an error page."""
    if settings.DEBUG and beyond_loopback():
        return [
            Error(
                "UCAM_DEBUG is on and UCAM_BIND is reachable from other machines.",
                hint="Unset UCAM_DEBUG, or bind to 127.0.0.1.",
                id="ucam.E001",
            )
        ]
    return []


@register
def data_is_ours(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The data folder holds the key and everybody's footage."""
    mode = stat.S_IMODE(settings.UCAM_DATA.stat().st_mode)
    if mode & 0o077:
        return [
            Error(
                f"Other users of this machine can look into {settings.UCAM_DATA} (mode {mode:o}).",
                hint=f"chmod 700 {settings.UCAM_DATA}",
                id="ucam.E002",
            )
        ]
    return []


@register(deploy=True)
def links_reach_people(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """With the console backend nobody but the operator ever gets a link."""
    if settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        return [
            Warning(
                "Sign-in links are printed to the log and mailed to nobody.",
                hint="Set EMAIL_URL, for example smtp+tls://user:password@mail.example.com:587",
                id="ucam.W001",
            )
        ]
    return []


@register(deploy=True)
def traffic_is_private(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Tokens and pictures over plain HTTP can be read on the way; browsers also refuse some functions."""
    if beyond_loopback() and not settings.TLS:
        return [
            Warning(
                "UCAM_URL is plain http, and other machines can reach the server.",
                hint="Put TLS in front and set UCAM_URL to the https address.",
                id="ucam.W002",
            )
        ]
    return []


@register
def keys_are_secret(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whoever knows the key is everybody; whoever knows TURN's secret relays what they like."""
    found: list[CheckMessage] = []
    if len(settings.SECRET_KEY) < 50 or "insecure" in settings.SECRET_KEY:
        found.append(
            Error(
                "UCAM_SECRET_KEY is short or a sample.",
                hint="Leave it out: a good one is made in UCAM_DATA/secret.key.",
                id="ucam.E003",
            )
        )
    file = settings.UCAM_SECRET_KEY_FILE
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        found.append(Error(f"Other users of this machine can read {file}.", hint=f"chmod 600 {file}", id="ucam.E004"))
    if settings.UCAM_TURN and len(settings.UCAM_TURN_SECRET) < 32:
        found.append(
            Error(
                "UCAM_TURN_SECRET can be guessed: it has less than 32 characters.",
                hint="Take the output of: openssl rand -hex 32",
                id="ucam.E005",
            )
        )
    return found


@register
def hosts_are_named(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """With any Host header links in mails could lead to somebody else's server."""
    if "*" in settings.ALLOWED_HOSTS and beyond_loopback():
        return [Error("UCAM_HOSTS allows every host name.", hint="Name the hosts of this server.", id="ucam.E006")]
    return []
