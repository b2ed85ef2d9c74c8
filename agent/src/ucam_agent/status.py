"""`ucam-agent status`: how the camera is, from the files that its processes write."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from ucam_sentences import at_instants, say, together

from . import disk
from .config import State, read_device
from .zones import zone_of

FRESH_S = 30.0
FINE = ("ok", "starting", "unknown")
RECORDING = ("camera", "encoder", "recorder", "spool")
MARKS = {"ok": "ok", "starting": "..", "degraded": "!!", "broken": "XX", "off": "--", "unknown": "??"}


def status(state: State) -> tuple[list[str], bool]:
    """Lines for people, and whether everything is well; raises NotEnrolled."""
    device = read_device(state)
    lines = [f"This camera is {device.jid} of {device.server}."]
    told = _told(state)
    if isinstance(told, str):
        return [*lines, told], False
    parts = told.get("parts", {})
    lines += [
        f"{MARKS.get(part['state'], '??')}  {name:<9} {part.get('words', '')}".rstrip() for name, part in parts.items()
    ]
    lines += _figures(told)
    ill = [name for name, part in parts.items() if part["state"] not in FINE]
    if ill:
        lines.append(f"Look after: {', '.join(ill)}. More about each: ucam-agent doctor")
    zone = _zone(state)
    return [with_times(line, zone) for line in lines], bool(parts) and not ill


def with_times(line: str, zone: tzinfo, now: datetime | None = None) -> str:
    """Its instants as the clock beside the camera shows them: "08:00" today, "Tuesday 08:00" within a week."""
    today = (now or datetime.now(UTC)).astimezone(zone).date()

    def shown(instant: datetime) -> str:
        at = instant.astimezone(zone)
        near = abs(at.date() - today) < timedelta(days=7)
        return f"{at:%H:%M}" if at.date() == today else f"{at:%A %H:%M}" if near else f"{at:%-d %B %Y, %H:%M}"

    return at_instants(line, shown)


def _zone(state: State) -> tzinfo:
    """The camera's, by its settings."""
    return zone_of(str(_read(state.settings).get("timezone", "UTC")))


def in_short(state: State) -> tuple[bool, str]:
    """Whether the running agent does its work, or none runs, and the same in words."""
    well, words = _in_short(state)
    return well, with_times(words, _zone(state))


def _in_short(state: State) -> tuple[bool, str]:
    if not is_running(state):
        return not _disk(state), _not_running(state)
    told = _told(state)
    if isinstance(told, str):
        return False, told
    parts = told.get("parts", {})
    if told.get("recording"):
        return True, say("It runs and records.")
    if any(part["state"] == "off" for part in parts.values()):
        return True, say("It runs, and does not record now, as it was told.")
    if any(parts.get(name, {}).get("state") == "broken" for name in RECORDING):
        broken = [
            str(parts[name].get("words", "")) for name in RECORDING if parts.get(name, {}).get("state") == "broken"
        ]
        return False, together(say("It runs, but does not record."), *broken)
    return True, say("It runs, and has not recorded yet.")


def _told(state: State) -> dict[str, Any] | str:
    """What the live process says of the whole; in words, when it says nothing."""
    supervisor, live = _read(state.status), _read(state.live_status)
    if not supervisor or not _runs(supervisor.get("pid")):
        return _not_running(state)
    if live and time.time() - live.get("at", 0) <= FRESH_S:
        return dict(live["status"])
    silent = say("The agent runs, but has not said anything lately.")
    return together(silent, _disk(state) or say("Its log says why: journalctl -u ucam-agent -n 30"))


def _disk(state: State) -> str:
    """Why what the processes would say of themselves cannot be written; empty when it can, or nothing is there yet."""
    return disk.trouble(state.spool) if state.spool.is_dir() else ""


def _not_running(state: State) -> str:
    if trouble := _disk(state):
        return together(say("Whether the agent runs cannot be told, for it can write nothing down."), trouble)
    return say("The agent is not running. Start it: sudo systemctl start ucam-agent (without systemd: ucam-agent run).")


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
