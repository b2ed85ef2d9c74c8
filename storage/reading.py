"""Bytes of a stored chunk, by position, from whichever tier has it."""

from __future__ import annotations

import os
from typing import Protocol

from storage.errors import StorageFailing
from storage.models import Chunk
from storage.tier import reached_tier
from storage.volume import Volume


class Reader(Protocol):
    """An open file of footage."""

    def read_at(self, offset: int, count: int) -> bytes:
        """These bytes, fewer at the end of the file; raises StorageFailing, SecondTierAway."""

    def close(self) -> None:
        """Give it back. May be called twice."""


class FileReader:
    """A file of this machine."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def read_at(self, offset: int, count: int) -> bytes:
        """One pread."""
        try:
            return os.pread(self.descriptor, count, offset)
        except OSError as error:
            raise StorageFailing(f"This footage cannot be read ({error.strerror}).") from error

    def close(self) -> None:
        """May be called twice."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def open_chunk(chunk: Chunk) -> Reader:
    """The chunk for reading; raises StorageFailing, StorageWrongDisk, SecondTierAway.

    A file that went to the other tier, or to another name, since the row was read is looked for once more.
    """
    try:
        return _open(chunk)
    except FileNotFoundError as error:
        now = Chunk.objects.only("path", "moved_at").filter(pk=chunk.pk).first()
        if now is None or (now.path, now.moved_at) == (chunk.path, chunk.moved_at):
            if chunk.moved_at is not None:
                reached_tier().prove()  # a missing bucket looks like a missing file
            raise _missing(error) from error
    try:
        return _open(now)
    except FileNotFoundError as error:
        raise _missing(error) from error


def _open(chunk: Chunk) -> Reader:
    if chunk.moved_at is not None:
        return reached_tier().reader(chunk.path)
    with Volume() as volume:
        try:
            return FileReader(volume.open(chunk.path))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _missing(error) from error


def _missing(error: OSError) -> StorageFailing:
    return StorageFailing(f"This footage cannot be read ({error.strerror}).")
