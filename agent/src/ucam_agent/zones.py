"""Time zones by their names in the settings."""

from __future__ import annotations

import logging
from functools import lru_cache
from zoneinfo import ZoneInfo

log = logging.getLogger(__name__)


@lru_cache(maxsize=4)
def zone_of(name: str) -> ZoneInfo:
    """UTC for a name that this device does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        log.warning("The time zone %r is not known here (%s); UTC is used instead.", name, error)
        return ZoneInfo("UTC")
