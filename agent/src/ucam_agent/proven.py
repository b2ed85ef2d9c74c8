"""The settings that a camera shall record by, and those that gave a picture before, to go back to."""

from __future__ import annotations

import logging
from pathlib import Path

from ucam_protocol import MessageMalformed, Settings, decode_settings

from .config import State
from .errors import AgentError, ConfigInvalid

log = logging.getLogger(__name__)


def read_settings(state: State, proven_file: Path) -> tuple[Settings, Settings | None]:
    """The settings, and those that gave a picture before if they differ, to go back to. Raises ConfigInvalid."""
    proven = _read(proven_file)
    if isinstance(proven, AgentError):
        log.warning("%s", proven.message)
        proven = None
    wanted = _read(state.settings)
    if isinstance(wanted, AgentError):
        if proven is None:
            raise wanted
        log.error("%s The last ones that worked are used instead.", wanted.message)
        return proven, None
    wanted = wanted or Settings()
    return wanted, proven if proven != wanted else None


def _read(path: Path) -> Settings | ConfigInvalid | None:
    try:
        return decode_settings(path.read_bytes()).recorded
    except FileNotFoundError:
        return None
    except (OSError, MessageMalformed) as error:
        return ConfigInvalid(f"{path} cannot be used: {error}")
