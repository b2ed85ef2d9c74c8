"""Whether the camera's disk takes recordings, found out by writing. No gi, no network."""

from __future__ import annotations

import os
from pathlib import Path

from ucam_sentences import say

FREE_FLOOR_BYTES = 256 * 2**20  # so much stays free for the rest of the device
FRAGMENT_BYTES = 16 * 2**20  # a large one: with less than that above the floor it may not fit
PROBE_BYTES = 4096


def trouble(spool: Path) -> str:
    """Why no recording fits into the spool, in words; empty when one does. Takes as long as the disk does."""
    try:
        _write(spool / f".probe.{os.getpid()}")
        facts = os.statvfs(spool)
        full = facts.f_bavail * facts.f_frsize < FREE_FLOOR_BYTES + FRAGMENT_BYTES
        # Recordings make room for others: as long as there are any, it is not for want of room.
        return too_full() if full and not any(spool.glob("*/*.mp4")) else ""
    except OSError as error:
        return unwritable(error.strerror)


def unwritable(reason: str | None) -> str:
    """The disk takes nothing."""
    return say("The disk cannot be written ({reason}). Check card and disk.", reason=reason)


def too_full(floor_bytes: int = FREE_FLOOR_BYTES) -> str:
    """Others have filled it, and there is nothing of ours that could make room."""
    return say(
        "The disk has less than {size} MiB free and no recording is left to delete. Free some space on the camera.",
        size=floor_bytes >> 20,
    )


def _write(probe: Path) -> None:
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, bytes(PROBE_BYTES))
    finally:
        os.close(descriptor)
        probe.unlink(missing_ok=True)
