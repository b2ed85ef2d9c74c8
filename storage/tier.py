"""The second tier: a place behind Django's storage API to which finished chunks move when they grow old.

Nothing that records depends on it. A backend is `Folder` (another disk) or `Bucket` (S3 and what speaks like it).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from django.conf import settings
from django.core.files.storage import storages

from storage.errors import SecondTierAway

if TYPE_CHECKING:
    from storage.reading import Reader

ALIAS = "second_tier"
MARKER = ".ucam-storage"
PROBE = ".ucam-storage.probe"


class Room(NamedTuple):
    """Bytes of a disk."""

    free: int
    size: int


class Tier(Protocol):
    """What a backend can beyond Django's `Storage`. All raise SecondTierAway; FileNotFoundError when there is none."""

    def prove(self) -> None:
        """It is there, it is ours; the first time it is empty and gets our marker."""

    def adopt(self) -> None:
        """Put our marker there, whatever it holds."""

    def probe(self) -> None:
        """It can be written to."""

    def reader(self, name: str) -> Reader:
        """A file for reading by position."""

    def room(self) -> Room | None:
        """Free and whole bytes; None where that has no meaning."""

    def save(self, name: str, content: Any) -> str:
        """Durable when it answers; what has the name is replaced."""

    def delete(self, name: str) -> None:
        """Durable when it answers; none of that name is fine."""

    def size(self, name: str) -> int:
        """Bytes of a file."""

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Folders and files."""


def second_tier() -> Tier | None:
    """The one that UCAM_SECOND_TIER names, if it names one."""
    return cast(Tier, storages[ALIAS]) if ALIAS in settings.STORAGES else None


def reached_tier() -> Tier:
    """The second tier; raises SecondTierAway when there is none any more."""
    tier = second_tier()
    if tier is None:
        raise SecondTierAway(
            "This footage lies on a second storage, and the server is not told any more where that is.",
            hint="Set UCAM_SECOND_TIER as it was (docs/operations.md).",
        )
    return tier


def tier_if_reached() -> Tier | None:
    """The second tier, proved; None when there is none or it cannot be reached, which the disk guard tells people."""
    tier = second_tier()
    with contextlib.suppress(SecondTierAway):
        if tier is not None:
            tier.prove()
            return tier
    return None


def names(tier: Tier, folder: str = "") -> Iterator[str]:
    """All files below a folder of it, but our marker."""
    folders, files = tier.listdir(folder)
    for file in sorted(files):
        if not file.startswith(MARKER):
            yield str(PurePosixPath(folder) / file)
    for below in sorted(folders):
        yield from names(tier, str(PurePosixPath(folder) / below))
