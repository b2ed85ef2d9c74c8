"""boot.json: which boot of the machine this is, and what the next process of the recorder must know of it."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

import msgspec

from .config import replace_file

KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = logging.getLogger(__name__)


class Boot(msgspec.Struct, kw_only=True):
    """Its id, the next free numbers in it, why the recorder gave up (or not), and what is known of the time."""

    kernel_boot_id: str
    boot: str
    next_seq: int = 1
    next_run: int = 1
    cause: str = ""
    detail: str = ""
    rested_ms: int = 0  # until then it is known why nothing was recorded since the last chunk
    rested_mono_ns: int = 0
    utc_minus_mono_ms: int | None = None  # the right time, once somebody has confirmed it


def read_boot(spool: Path) -> Boot | None:
    """None when there is none or it is damaged; raises OSError for a disk that cannot be read."""
    try:
        return msgspec.json.decode((spool / "boot.json").read_bytes(), type=Boot)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        log.error("boot.json is damaged (%s); a new boot id begins.", error)
        return None


def write_boot(spool: Path, boot: Boot) -> None:
    """Durably."""
    replace_file(spool / "boot.json", msgspec.json.encode(boot).decode())


def known_time(spool: Path, kernel_boot_id: str) -> int | None:
    """UTC minus CLOCK_MONOTONIC in ms, when an earlier process has written it down in this boot of the machine."""
    with suppress(OSError):  # the spool tells of its disk itself
        boot = read_boot(spool)
        return boot.utc_minus_mono_ms if boot and boot.kernel_boot_id == kernel_boot_id else None
    return None
