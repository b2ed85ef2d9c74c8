"""A backup becomes an installation again: checked whole before anything here is touched."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts.errors import UcamError
from storage.models import Chunk
from ucam import dump
from ucam.backup import DATA, DATABASE, ENVIRONMENT, FORMAT, KEY, MANIFEST, Manifest, hash_of

MANIFEST_BYTES_MAX = 16 * 2**20


class BackupUnusable(UcamError):
    """No backup of ours, damaged, or of a version that this one does not know."""

    code = "backup_unusable"
    message = "This file is no backup of ucam."


class InstallationThere(UcamError):
    """Something would be overwritten."""

    code = "installation_there"
    message = "There is an installation here already; nothing was changed."
    hint = "Choose an empty UCAM_DATA, or say --overwrite: what is there is then put aside first."


def restore(source: BinaryIO, now: datetime, *, overwrite: bool = False) -> tuple[Manifest, Path | None]:
    """What was restored, and where its environment lies, if it had one.

    Raises BackupUnusable, InstallationThere, DumpFailed.
    """
    there = not dump.is_empty()
    if there and not overwrite:
        raise InstallationThere()
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.UCAM_DATA) as folder:
        manifest = unpack(source, Path(folder))
        check(manifest)
        if there:
            put_aside(settings.UCAM_DATA / f"before-restore-{now:%Y%m%dT%H%M%S}")
        given = put_in_place(manifest, Path(folder))
        dump.load(Path(folder) / DATABASE)
    call_command("migrate", interactive=False, verbosity=0)
    # Stills are kept by the numbers of chunks, which the older database gives once more, to other footage.
    shutil.rmtree(settings.UCAM_DATA / "cache", ignore_errors=True)
    # What a chunk got after the backup was confirmed to its camera, but its row does not know of it. Without the row,
    # check_storage --repair builds it from the whole file.
    Chunk.objects.filter(state=Chunk.State.OPEN).delete()
    return manifest, given


def unpack(source: BinaryIO, folder: Path) -> Manifest:
    """All members, whole and as they were hashed, into `folder`; raises BackupUnusable."""
    try:
        with tarfile.open(fileobj=source, mode="r|*") as tar:
            manifest = _manifest(tar)
            missing = dict(manifest.files)
            while (member := tar.next()) is not None:
                _take(tar, member, folder, missing)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BackupUnusable(f"The backup cannot be read to its end ({error}).") from error
    if missing:
        raise BackupUnusable(f"The backup is not whole: {', '.join(sorted(missing)[:3])} is missing.")
    return manifest


def _manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or first.size > MANIFEST_BYTES_MAX or not first.isreg():
        raise BackupUnusable()
    content = tar.extractfile(first)
    assert content is not None  # it is a regular file
    try:
        return msgspec.json.decode(content.read(), type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupUnusable(f"This is no backup of ucam ({error}).") from error


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, missing: dict[str, str]) -> None:
    """One member into a file; its name must be in the manifest and must stay below `folder`."""
    right = missing.pop(member.name, None)
    path = PurePosixPath(member.name)
    if right is None or not member.isreg() or path.is_absolute() or ".." in path.parts:
        raise BackupUnusable(f"The backup holds something that is not in its list: {member.name!r}.")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # it is a regular file
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())
    if hash_of(target) != right:
        raise BackupUnusable(f"The backup is damaged: {member.name} is not what it was.")


def check(manifest: Manifest) -> None:
    """Whether this version of ucam and its database can take it; raises BackupUnusable."""
    if manifest.format > FORMAT:
        raise BackupUnusable("This backup is of a newer ucam.", hint="Update ucam here, then restore again.")
    if manifest.database != dump.kind():
        raise BackupUnusable(
            f"This backup is of a {manifest.database} database, here is {dump.kind()}.",
            hint="Set DATABASE_URL to a database of the same kind.",
        )
    known = {".".join(key) for key in MigrationLoader(connection).disk_migrations}
    if unknown := sorted(set(manifest.migrations) - known):
        raise BackupUnusable(
            f"This backup is of a newer ucam: its database has {unknown[-1]}, which is not known here.",
            hint="Update ucam here, then restore again.",
        )


def put_aside(folder: Path) -> None:
    """What is here now: its database and its key."""
    folder.mkdir(mode=0o700)
    dump.dump(folder / DATABASE)
    if settings.UCAM_SECRET_KEY_FILE.exists():
        shutil.copy2(settings.UCAM_SECRET_KEY_FILE, folder / KEY)


def put_in_place(manifest: Manifest, folder: Path) -> Path | None:
    """Key, environment and data files; each by one rename. Answers where the environment lies."""
    places = {name: settings.UCAM_DATA / name.removeprefix(DATA) for name in manifest.files if name.startswith(DATA)}
    if KEY in manifest.files:
        places[KEY] = settings.UCAM_SECRET_KEY_FILE
    given = settings.UCAM_DATA / "restored.env"
    if (folder / ENVIRONMENT).stat().st_size:
        places[ENVIRONMENT] = given
    for name, place in places.items():
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(folder / name, place)
    return given if ENVIRONMENT in places else None
