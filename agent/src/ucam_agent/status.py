"""`ucam-agent status`: how the camera is, from the files that its processes write."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from .config import State, read_device

FRESH_S = 30.0
MARKS = {"ok": "ok", "starting": "..", "degraded": "!!", "broken": "XX", "off": "--", "unknown": "??"}


def status(state: State) -> tuple[list[str], bool]:
    """Lines for people, and whether everything is well; raises NotEnrolled."""
    device = read_device(state)
    supervisor, live = _read(state.status), _read(state.live_status)
    lines = [f"This camera is {device.jid} of {device.server}."]
    if not supervisor or not _runs(supervisor.get("pid")):
        return [
            *lines,
            "The agent is not running. Start it: ucam-agent run (or: sudo systemctl start ucam-agent).",
        ], False
    if not live or time.time() - live.get("at", 0) > FRESH_S:
        return [*lines, "The agent runs, but its live process has not said anything lately; see its log."], False
    told = live["status"]
    parts = told.get("parts", {})
    lines += [
        f"{MARKS.get(part['state'], '??')}  {name:<9} {part.get('words', '')}".rstrip() for name, part in parts.items()
    ]
    lines += _figures(told)
    well = bool(parts) and all(part["state"] in ("ok", "starting", "unknown") for part in parts.values())
    return lines, well


def is_running(state: State) -> bool:
    """Whether the agent runs on this state directory."""
    return _runs(_read(state.status).get("pid"))


def _figures(told: dict[str, Any]) -> list[str]:
    mib = told.get("spool_bytes", 0) / 2**20, told.get("spool_unshipped_bytes", 0) / 2**20
    return [
        f"{'Recording' if told.get('recording') else 'Not recording'}; {told.get('viewers', 0)} watching live.",
        f"On this camera: {mib[0]:.0f} MiB of recordings, {mib[1]:.1f} MiB of them still to ship.",
        f"Frames: {told.get('frames_recorded', 0)} recorded, {told.get('frames_dropped', 0)} dropped for want of CPU.",
    ]


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _runs(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, TypeError, ValueError):
        return False
    return True
