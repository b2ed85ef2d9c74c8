"""The disk for footage: proven by its marker, reached only through one open directory.

Everything is opened relative to the directory in which the marker was read. So a disk that is unmounted between two
steps leads to an error, never to footage in the folder underneath.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.utils import timezone

from storage.errors import OffsetWrong, StorageFailing, StorageFull, StorageWrongDisk
from storage.models import Installation

MARKER = ".ucam-storage"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """OSError of the disk as an error of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull() from error
        raise StorageFailing(f"The disk for footage does not work ({error.strerror}).") from error


class Volume:
    """The media directory, held open. Use `with Volume() as volume`; raises StorageWrongDisk.

    `mark`: the field of Installation that says when this disk got its marker. Another root must be there already: a
    folder made where a disk should be would be marked, and filled. `installation`: its row, if it is known.
    """

    def __init__(
        self, root: Path | None = None, mark: str = "marked_at", *, installation: Installation | None = None
    ) -> None:
        self.root, self.mark, self._installation = root or settings.UCAM_MEDIA, mark, installation
        self.is_made = root is None
        self.descriptor = -1

    def __enter__(self) -> Volume:
        installation = self._installation or Installation.objects.this()
        if self.is_made and getattr(installation, self.mark) is None:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.descriptor = self._open_root()
        try:
            self._prove(installation)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the directory back. May be called twice."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def adopt(self) -> None:
        """Put the marker on this disk: it is ours from now on."""
        installation = Installation.objects.this()
        if self.is_made:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.descriptor = self._open_root()
        self._mark(installation)
        self.close()

    def free_bytes(self) -> int:
        """What may still be written here."""
        facts = os.fstatvfs(self.descriptor)
        return facts.f_bavail * facts.f_frsize

    def size_bytes(self) -> int:
        """The whole disk."""
        facts = os.fstatvfs(self.descriptor)
        return facts.f_blocks * facts.f_frsize

    def create(self, path: str) -> None:
        """An empty file and the folders above it, durably; one that is there already stays."""
        with disk_errors():
            for _ in range(3):
                with contextlib.suppress(FileNotFoundError):  # retention removed an empty folder in between
                    return self._create(PurePosixPath(path))
        raise StorageFailing()

    def _create(self, path: PurePosixPath) -> None:
        folder = self._make_folders(path.parent)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            os.close(os.open(path.name, flags, 0o640, dir_fd=folder))
            os.fsync(folder)
        finally:
            os.close(folder)

    def link(self, path: str, other: str) -> None:
        """Another name for a file, and the folders above it, durably; one that is there already stays."""
        with disk_errors():
            folder = self._make_folders(PurePosixPath(other).parent)
            try:
                name = PurePosixPath(other).name
                with contextlib.suppress(FileExistsError):
                    os.link(path, name, src_dir_fd=self.descriptor, dst_dir_fd=folder, follow_symlinks=False)
                os.fsync(folder)
            finally:
                os.close(folder)

    @contextlib.contextmanager
    def locked(self, path: str) -> Iterator[int]:
        """A descriptor for reading and writing that nobody else has; raises OffsetWrong when somebody has it."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self.descriptor)
        except OSError as error:
            raise StorageFailing(f"A file of footage cannot be opened ({error.strerror}).") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield descriptor
        except BlockingIOError as error:
            raise OffsetWrong("Another upload of this chunk is being written.") from error
        finally:
            os.close(descriptor)

    def open(self, path: str) -> int:
        """A descriptor for reading."""
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self.descriptor)

    def is_same(self, path: str, descriptor: int) -> bool:
        """Whether a name still names an open file."""
        try:
            return os.path.samestat(os.stat(path, dir_fd=self.descriptor), os.fstat(descriptor))
        except OSError:
            return False

    @contextlib.contextmanager
    def locked_if_there(self, path: str) -> Iterator[int | None]:
        """The same, None when there is no such file."""
        with contextlib.ExitStack() as stack:
            descriptor = None
            try:
                descriptor = stack.enter_context(self.locked(path))
            except StorageFailing as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
            yield descriptor

    def unlink(self, path: str) -> None:
        """Remove a file; one that is not there is fine."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path, dir_fd=self.descriptor)

    def sync_folder(self, folder: str) -> None:
        """Make removals durable; an empty folder is removed as well."""
        with contextlib.suppress(OSError):  # not empty
            os.rmdir(folder, dir_fd=self.descriptor)
        try:
            descriptor = os.open(folder, DIRECTORY, dir_fd=self.descriptor)
        except FileNotFoundError:
            return self.sync_folder_above(folder)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, descriptor)
            os.fsync(descriptor)
        return None

    def sync_folder_above(self, folder: str) -> None:
        """Make the removal of a folder durable."""
        above = str(PurePosixPath(folder).parent)
        descriptor = os.open(above, DIRECTORY, dir_fd=self.descriptor)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _open_root(self) -> int:
        try:
            return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageWrongDisk() from error

    def _prove(self, installation: Installation) -> None:
        try:
            found = os.open(MARKER, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self.descriptor)
        except FileNotFoundError as error:
            if getattr(installation, self.mark) is None and self._is_empty():
                return self._mark(installation)
            raise StorageWrongDisk() from error
        except OSError as error:
            raise StorageFailing(f"The disk for footage cannot be read ({error.strerror}).") from error
        try:
            if os.read(found, 100).decode("ascii", "replace").strip() != str(installation.uuid):
                raise StorageWrongDisk("The disk for footage belongs to another installation.")
        finally:
            os.close(found)
        return None

    def _is_empty(self) -> bool:
        names = os.listdir(self.descriptor)
        return all(name.startswith(MARKER) or name == "lost+found" for name in names)

    def _mark(self, installation: Installation) -> None:
        """Write, fsync, rename, fsync directory, then the row."""
        new = f"{MARKER}.{os.getpid()}-{threading.get_ident()}"
        with disk_errors():
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(new, flags, 0o640, dir_fd=self.descriptor)
            try:
                os.write(descriptor, f"{installation.uuid}\n".encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(new, MARKER, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
            os.fsync(self.descriptor)
            self._sync_above()
        Installation.objects.filter(pk=installation.pk).update(**{self.mark: timezone.now()})

    def _sync_above(self) -> None:
        """The media folder itself may be new."""
        above = os.open(self.root.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(above)
        finally:
            os.close(above)

    def _make_folders(self, folder: PurePosixPath) -> int:
        """A descriptor of the folder, which is made with all above it, durably."""
        at = os.dup(self.descriptor)
        try:
            for part in folder.parts:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o750, dir_fd=at)
                os.fsync(at)  # also when somebody else made it just now
                below = os.open(part, DIRECTORY, dir_fd=at)
                os.close(at)
                at = below
        except BaseException:
            os.close(at)
            raise
        return at
