"""The second tier as a folder: another disk of this machine, or one of the network that is mounted here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from django.core.files.storage import Storage

from storage.errors import OffsetWrong, SecondTierAway, StorageAway, StorageWrongDisk
from storage.reading import FileReader, Reader
from storage.tier import PROBE, Room
from storage.volume import Volume

PIECE_BYTES = 2**20


class Folder(Storage):
    """Files below one folder that is proven by its marker, like the first tier. Writing answers when it is durable."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def prove(self) -> None:
        """The folder is there and carries our marker; the first time it is empty and gets it."""
        with self._volume():
            return

    def adopt(self) -> None:
        """Mark it as ours."""
        with _away():
            Volume(self.root, "second_marked_at").adopt()

    def probe(self) -> None:
        """Write and remove a few bytes."""
        with self._volume() as volume:
            self._write(volume, PROBE, [b"ucam\n"])
            volume.unlink(PROBE)

    def reader(self, name: str) -> Reader:
        """Stays readable when the file is deleted meanwhile."""
        with self._volume() as volume:
            return FileReader(volume.open(name))

    def room(self) -> Room:
        """Of the disk that it lies on."""
        with self._volume() as volume:
            return Room(volume.free_bytes(), volume.size_bytes())

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        with contextlib.suppress(FileNotFoundError):
            return self.size(name) >= 0
        return False

    def size(self, name: str) -> int:
        """In bytes."""
        with self._volume() as volume:
            return os.stat(name, dir_fd=volume.descriptor, follow_symlinks=False).st_size

    def delete(self, name: str) -> None:
        """With the folder, when it is empty then."""
        with self._volume() as volume:
            volume.unlink(name)
            with contextlib.suppress(FileNotFoundError):
                volume.sync_folder(str(PurePosixPath(name).parent))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Folders and files."""
        with self._volume() as volume:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(path or ".", flags, dir_fd=volume.descriptor)
            try:
                with os.scandir(descriptor) as found:
                    kinds = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
            finally:
                os.close(descriptor)
        folders = [name for name, is_dir in kinds if is_dir and name != "lost+found"]
        return folders, [name for name, is_dir in kinds if not is_dir]

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name itself: what has it is a copy that was not finished."""
        return name

    def _save(self, name: str, content: Any) -> str:
        with self._volume() as volume:
            self._write(volume, name, content.chunks(PIECE_BYTES))
        return name

    def _write(self, volume: Volume, name: str, pieces: Any) -> None:
        volume.create(name)
        with volume.locked(name) as descriptor:
            os.ftruncate(descriptor, 0)
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)

    @contextlib.contextmanager
    def _volume(self) -> Iterator[Volume]:
        with _away(), Volume(self.root, "second_marked_at") as volume:
            yield volume


@contextlib.contextmanager
def _away() -> Iterator[None]:
    """Trouble of this disk is no trouble of the first: another error."""
    try:
        yield
    except (SecondTierAway, FileNotFoundError):
        raise
    except StorageWrongDisk as error:
        raise SecondTierAway(
            "The folder of the second storage is not there, or is not ours.",
            hint="Attach the right one. A new one, or another: manage.py check_storage --adopt-second-tier.",
        ) from error
    except (StorageAway, OffsetWrong) as error:
        raise SecondTierAway(f"The second storage does not take or give footage: {error.message}") from error
    except OSError as error:
        raise SecondTierAway(f"The folder of the second storage does not work ({error.strerror}).") from error
