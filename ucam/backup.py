"""A backup: one tar file of the database, the secrets and the settings; footage stays where it is."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec
from django.conf import settings

from storage.models import Installation
from ucam import dump

FORMAT = 1
MANIFEST, DATABASE, ENVIRONMENT, KEY, DATA = "manifest.json", "database", "environment", "secret.key", "data/"
# Made anew by the server, or footage. Everything else in UCAM_DATA goes along, so that no new secret is forgotten.
LEFT_OUT = frozenset({"media", "exports", "run", "static", "log", "cache", "cards", "wheels", "demo/spool"})
HERE_ONLY = frozenset({"UCAM_DATA", "UCAM_RUN", "UCAM_ACCEL", "UCAM_SECRET_KEY_FILE"})


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds and what it fits; the first member of the tar. `files`: SHA-256 of every other member."""

    format: int
    made_at: str
    url: str
    installation: str
    database: str
    migrations: list[str]
    files: dict[str, str]


def back_up(target: BinaryIO, now: datetime) -> Manifest:
    """Write a backup; raises DumpFailed. The server may run meanwhile."""
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=settings.UCAM_DATA) as folder:
        copy = Path(folder) / DATABASE
        dump.dump(copy)
        texts = {KEY: keys(), ENVIRONMENT: environment()}
        files = {DATABASE: copy, **copies(Path(folder))}
        manifest = Manifest(
            format=FORMAT,
            made_at=now.isoformat(timespec="seconds"),
            url=settings.UCAM_URL,
            installation=str(Installation.objects.this().uuid),
            database=dump.kind(),
            migrations=dump.migrations(),
            files={name: hash_of(file) for name, file in files.items()}
            | {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()},
        )
        with tarfile.open(fileobj=target, mode="w|gz") as tar:
            _add(tar, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)), now)
            for name, text in texts.items():
                _add(tar, name, text.encode(), now)
            for name, file in files.items():
                tar.add(file, name, recursive=False, filter=_private)
    return manifest


def data_files() -> Iterator[str]:
    """Names below UCAM_DATA of what goes along."""
    root: Path = settings.UCAM_DATA
    database = str(settings.DATABASES["default"]["NAME"])
    for folder, folders, names in os.walk(root):
        inside = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if str(inside / name) not in LEFT_OUT and not name.startswith(".")]
        for name in names:
            file = Path(folder) / name
            ours = file == settings.UCAM_SECRET_KEY_FILE or str(file).startswith(database)
            with suppress(FileNotFoundError):
                if not ours and stat.S_ISREG(file.lstat().st_mode):
                    yield str(inside / name)


def copies(folder: Path) -> dict[str, Path]:
    """Copies of those files by their names in the tar: one that changes while the tar is written would be no longer
    what its hash says, and one that goes in between is no longer needed.
    """
    found = {}
    for name in sorted(data_files()):
        copy = folder / DATA / name
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.copy2(settings.UCAM_DATA / name, copy)
            found[f"{DATA}{name}"] = copy
    return found


def keys() -> str:
    """The key, or all of the key file: it may hold older ones, too."""
    file: Path = settings.UCAM_SECRET_KEY_FILE
    given = "UCAM_SECRET_KEY" in settings.UCAM_GIVEN or not file.exists()
    return settings.SECRET_KEY if given else file.read_text()


def environment() -> str:
    """The variables that this server was started with, as systemd's EnvironmentFile has them."""
    given: dict[str, str] = settings.UCAM_GIVEN
    return "".join(f"{name}={quoted(text)}\n" for name, text in sorted(given.items()) if name not in HERE_ONLY)


def quoted(text: str) -> str:
    """A value in double quotes, for systemd and for a shell alike."""
    return '"' + "".join(f"\\{char}" if char in '"\\$`' else char for char in text) + '"'


def hash_of(file: Path) -> str:
    """SHA-256 in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, name: str, content: bytes, now: datetime) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o600, int(now.timestamp())
    tar.addfile(member, io.BytesIO(content))


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Who made it is nobody's business, and whoever unpacks it by hand shall not show it to others."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member
