"""Web push: the server's own key pair (RFC 8292), and what a browser may tell of its push service."""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from cameras.notices.errors import PushRefused
from cameras.notices.targets import allowed


def private_key() -> str:
    """The PEM of the server's key, made with mode 0600 at set-up, or now when it is not there."""
    file = Path(settings.UCAM_VAPID_KEY_FILE)
    try:
        return file.read_text()
    except FileNotFoundError:
        _make(file)
        return file.read_text()


def _make(file: Path) -> None:
    """Whole or not at all, and never over one that is there: every subscription depends on it."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".vapid") as new:  # mode 0600
        new.write(pem)
        new.flush()
        os.fsync(new.fileno())
        try:
            os.link(new.name, file)
        except FileExistsError:
            return


def public_key() -> str:
    """What a browser subscribes with: the point, base64url."""
    key = serialization.load_pem_private_key(private_key().encode(), None)
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def contact() -> str:
    """Whom a push service may write to."""
    return settings.UCAM_URL if settings.UCAM_URL.startswith("https:") else f"mailto:ucam@{settings.UCAM_DOMAIN}"


def checked(told: dict[str, Any]) -> dict[str, Any]:
    """A subscription with nothing but what is needed; raises PushRefused. Anybody may tell us any address here."""
    endpoint, keys = told.get("endpoint"), told.get("keys")
    if not isinstance(endpoint, str) or not isinstance(keys, dict) or len(endpoint) > 2000:
        raise PushRefused()
    parts = urlsplit(endpoint)
    if not parts.hostname or "@" in parts.netloc or (parts.scheme != "https" and not _loopback_allowed(parts.hostname)):
        raise PushRefused()
    if _literal(parts.hostname) and not allowed(parts.hostname, settings.UCAM_NOTICE_NETWORKS):
        raise PushRefused()
    p256dh, auth = (_key(keys.get(name)) for name in ("p256dh", "auth"))
    if len(auth) != 16:
        raise PushRefused()
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    except (ValueError, InvalidKey) as error:
        raise PushRefused() from error
    return {"endpoint": endpoint, "keys": {"p256dh": keys["p256dh"], "auth": keys["auth"]}}


def _key(text: Any) -> bytes:
    if not isinstance(text, str) or len(text) > 200:
        raise PushRefused()
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise PushRefused() from error


def _literal(host: str) -> bool:
    return host.replace(".", "").isdigit() or ":" in host


def _loopback_allowed(host: str) -> bool:
    """Plain http: only to an address that the operator of this server named."""
    return _literal(host) and allowed(host, settings.UCAM_NOTICE_NETWORKS)
