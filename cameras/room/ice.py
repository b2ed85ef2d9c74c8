"""STUN and TURN servers, with TURN credentials that expire (draft-uberti-behave-turn-rest-00)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

from django.conf import settings
from ucam_protocol import IceServer

CREDENTIALS_S = 24 * 3600


def ice_servers(jid: str, now_s: float | None = None) -> list[IceServer]:
    """What a peer (bare JID) may use to reach others, good for CREDENTIALS_S seconds."""
    servers = [IceServer(urls=list(settings.UCAM_STUN))] if settings.UCAM_STUN else []
    if settings.UCAM_TURN and settings.UCAM_TURN_SECRET:
        expires = int(time.time() if now_s is None else now_s) + CREDENTIALS_S
        username = f"{expires}:{jid}"
        code = hmac.new(settings.UCAM_TURN_SECRET.encode(), username.encode(), hashlib.sha1).digest()
        credential = base64.b64encode(code).decode()
        servers.append(IceServer(urls=list(settings.UCAM_TURN), username=username, credential=credential))
    return servers
