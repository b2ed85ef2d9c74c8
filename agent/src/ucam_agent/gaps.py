"""Spans without recording that storage has not confirmed yet: one file each, `gaps/<id>.json`, until it has."""

from __future__ import annotations

import hashlib
import logging
import uuid
from pathlib import Path

import msgspec

from .chunk import Sidecar
from .config import replace_file

log = logging.getLogger(__name__)


def _new_id() -> str:
    return uuid.uuid4().hex


class Gap(msgspec.Struct, kw_only=True):
    """One gap. Its ends on CLOCK_MONOTONIC of its boot, where known: by them a wrong clock is mended as it is told."""

    boot: str
    cause: str
    from_ms: int
    to_ms: int
    detail: str
    from_mono_ns: int | None = None
    to_mono_ns: int | None = None
    id: str = msgspec.field(default_factory=_new_id)


def id_of(*facts: object) -> str:
    """Of a gap that may be found more than once: the same facts are the same gap."""
    return hashlib.sha256(" ".join(map(str, facts)).encode()).hexdigest()[:32]


def of_chunk(sidecar: Sidecar, cause: str, detail: str) -> Gap:
    """Of a whole closed chunk that is lost: the same gap however often that is found."""
    return Gap(
        id=id_of(sidecar.boot, sidecar.seq),
        boot=sidecar.boot,
        cause=cause,
        from_ms=sidecar.started_ms,
        to_ms=sidecar.ended_ms,
        detail=detail,
        from_mono_ns=sidecar.started_mono_ns,
        to_mono_ns=sidecar.ended_mono_ns,
    )


def file_of(spool: Path, id_: str) -> Path:
    """Where the gap of this id is kept."""
    return spool / "gaps" / f"{id_}.json"


def write(spool: Path, gap: Gap) -> None:
    """Durably; it always ends after it begins."""
    if gap.to_ms <= gap.from_ms:
        gap.detail = f"{gap.detail} The clock was set back in between, so the length is not known.".strip()
        gap.to_ms = gap.from_ms + 1
    replace_file(file_of(spool, gap.id), msgspec.json.encode(gap).decode())
    log.warning("Gap of %.1f s, cause %s. %s", (gap.to_ms - gap.from_ms) / 1000, gap.cause, gap.detail)
