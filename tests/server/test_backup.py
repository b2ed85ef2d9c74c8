"""backup and restore: what goes along, what is refused, and that nothing here is touched before all of it is known."""

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

import ucam.backup
from ucam.restore import unpack

ROOT = Path(__file__).resolve().parents[2]
Manage = Callable[..., subprocess.CompletedProcess[bytes]]
SPOKEN = "smtp+tls://shop:pass$word@mail.example.com:587"


def manage(folder: Path, *words: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """`manage.py WORDS` on a data folder of its own, as an operator runs it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UCAM_")}
    for name in ("EMAIL_URL", "DATABASE_URL", "REDIS_URL"):
        clean.pop(name, None)
    clean |= {"UCAM_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "ucam.settings"} | environment
    argv = [sys.executable, "manage.py", *words]
    return subprocess.run(argv, cwd=ROOT, env=clean, capture_output=True, input=given, timeout=120, check=False)


def good(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def refused(done: subprocess.CompletedProcess[bytes]) -> str:
    """What it said; in words."""
    said = done.stderr.decode()
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in said
    return said


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an installation with a place, a person, a key of a web push, and footage."""
    folder = tmp_path_factory.mktemp("old") / "data"
    good(manage(folder, "migrate", "--verbosity", "0"))
    good(manage(folder, "add_location", "studio.loc"))
    (folder / "media" / "1").mkdir(parents=True)
    (folder / "media" / "1" / "chunk.mp4").write_bytes(b"footage")
    (folder / "push.key").write_text("secret of tomorrow")
    file = folder.parent / "backup.tar.gz"
    good(manage(folder, "backup", str(file), EMAIL_URL=SPOKEN))
    return file


def content(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        members = [(member.name, tar.extractfile(member)) for member in tar]
        return {name: read.read() for name, read in members if read}


def repacked(file: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as tar:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return file


def changed(backup: Path, folder: Path, **values: object) -> Path:
    """The same backup with another manifest."""
    members = content(backup)
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | values).encode()
    return repacked(folder / "changed.tar.gz", members)


def test_a_backup_holds_database_key_settings_and_new_secrets_but_no_footage(backup: Path) -> None:
    members = content(backup)
    assert set(members) == {"manifest.json", "database", "secret.key", "environment", "data/push.key"}
    assert members["environment"].decode() == 'EMAIL_URL="smtp+tls://shop:pass\\$word@mail.example.com:587"\n'
    assert members["secret.key"].decode() == (backup.parent / "data" / "secret.key").read_text()


def test_nobody_else_may_read_it_and_an_existing_file_stays(backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    before = backup.read_bytes()
    assert "File exists" in refused(manage(backup.parent / "data", "backup", str(backup)))
    assert backup.read_bytes() == before


def test_it_is_restored_through_a_pipe_into_an_empty_folder(backup: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    said = good(manage(data, "restore", "-", given=backup.read_bytes()))
    assert "check_storage --repair" in said
    assert (data / "secret.key").read_bytes() == content(backup)["secret.key"]
    assert (data / "push.key").read_text() == "secret of tomorrow"
    assert (data / "restored.env").stat().st_mode & 0o777 == 0o600
    assert (data / "db.sqlite3").stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(data / "db.sqlite3") as database:
        assert database.execute("SELECT domain FROM cameras_location").fetchall() == [("studio.loc",)]


def test_what_is_there_is_overwritten_only_when_asked_and_put_aside_first(backup: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    good(manage(data, "migrate", "--verbosity", "0"))
    good(manage(data, "add_location", "mine.loc"))
    key = (data / "secret.key").read_text()
    still = data / "cache" / "stills" / "7-700-640.jpg"
    still.parent.mkdir(parents=True)
    still.write_bytes(b"of chunk 7, which will be another one's number")
    assert "--overwrite" in refused(manage(data, "restore", str(backup)))
    assert (data / "secret.key").read_text() == key
    good(manage(data, "restore", str(backup), "--overwrite"))
    (aside,) = data.glob("before-restore-*")
    assert (aside / "secret.key").read_text() == key
    assert not still.exists()
    with sqlite3.connect(aside / "database") as database:
        assert database.execute("SELECT domain FROM cameras_location").fetchall() == [("mine.loc",)]


def test_a_file_that_changes_meanwhile_does_not_spoil_the_backup(
    db: None, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo camera writes its state anew each second; the tar may take minutes."""
    settings.UCAM_DATA = tmp_path / "data"
    status = settings.UCAM_DATA / "demo" / "status.json"
    status.parent.mkdir(parents=True)
    status.write_text("{}")

    really = ucam.backup.hash_of

    def hash_of(file: Path) -> str:
        found = really(file)
        status.write_text('{"recording": true}')
        return found

    monkeypatch.setattr(ucam.backup, "hash_of", hash_of)
    with (tmp_path / "backup.tar.gz").open("wb") as target:
        ucam.backup.back_up(target, timezone.now())
    (tmp_path / "restored").mkdir()
    with (tmp_path / "backup.tar.gz").open("rb") as source:
        unpack(source, tmp_path / "restored")
    assert (tmp_path / "restored" / "data" / "demo" / "status.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"format": 99}, "of a newer ucam"),
        ({"migrations": ["cameras.9999_tomorrow"]}, "cameras.9999_tomorrow, which is not known here"),
        ({"database": "postgresql"}, "Set DATABASE_URL to a database of the same kind"),
        ({"files": {}}, "not in its list"),
    ],
)
def test_a_backup_that_does_not_fit_changes_nothing(
    backup: Path, tmp_path: Path, values: dict[str, object], words: str
) -> None:
    data = tmp_path / "data"
    assert words in refused(manage(data, "restore", str(changed(backup, tmp_path, **values))))
    assert not (data / "push.key").exists()
    assert (data / "secret.key").read_bytes() != content(backup)["secret.key"]


def test_a_damaged_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    members = content(backup)
    wrong = repacked(tmp_path / "wrong.tar.gz", members | {"secret.key": b"x" * 86})
    assert "secret.key is not what it was" in refused(manage(tmp_path / "data", "restore", str(wrong)))
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(backup.read_bytes()[:-2000])
    assert "cannot be read to its end" in refused(manage(tmp_path / "data", "restore", str(cut)))
    del members["database"]
    less = repacked(tmp_path / "less.tar.gz", members)
    assert "database is missing" in refused(manage(tmp_path / "data", "restore", str(less)))
    (tmp_path / "letter.txt").write_text("Dear cameras,")
    assert "cannot be read" in refused(manage(tmp_path / "data", "restore", str(tmp_path / "letter.txt")))


def test_a_name_that_leads_elsewhere_is_refused(backup: Path, tmp_path: Path) -> None:
    members = content(backup)
    manifest = json.loads(members.pop("manifest.json"))
    manifest["files"]["data/../../stolen"] = manifest["files"].pop("data/push.key")
    members["data/../../stolen"] = members.pop("data/push.key")
    wrong = repacked(tmp_path / "wrong.tar.gz", {"manifest.json": json.dumps(manifest).encode(), **members})
    assert "not in its list" in refused(manage(tmp_path / "data", "restore", str(wrong)))
    assert not (tmp_path / "stolen").exists()
