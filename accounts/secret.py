"""How secrets of high entropy are kept."""

from __future__ import annotations

import hashlib


def digest(secret: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()
