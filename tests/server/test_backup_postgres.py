"""backup and restore with PostgreSQL, by pg_dump and pg_restore: into an empty database and over a used one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from accounts.seal import POSTGRESQL
from tests import postgres
from tests.server.test_backup import content, good, manage, refused

PLACES = "SELECT domain FROM cameras_location"
TRIGGERS = "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'audit_%' ORDER BY tgname"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A server of this module, with two empty databases."""
    folder = postgres.make_folder()
    with postgres.cluster(folder):
        for name in ("old", "new"):
            rows(folder, "postgres", f"CREATE DATABASE {name}")
        yield folder


def rows(cluster: Path, name: str, *statements: str) -> list[Any]:
    """What the last of these statements answers."""
    with psycopg.connect(host=str(cluster), user="ucam", dbname=name, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return [row[0] for row in cursor] if cursor.description else []


def url(cluster: Path, name: str) -> str:
    return f"postgres://ucam@/{cluster}/{name}"


@pytest.fixture(scope="module")
def backup(cluster: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an installation with a place and a sealed trail."""
    folder = tmp_path_factory.mktemp("old")
    for words in (["migrate", "--verbosity", "0"], ["add_location", "studio.loc"]):
        good(manage(folder / "data", *words, DATABASE_URL=url(cluster, "old")))
    rows(cluster, "old", *POSTGRESQL)
    file = folder / "backup.tar.gz"
    good(manage(folder / "data", "backup", str(file), DATABASE_URL=url(cluster, "old")))
    return file


def test_it_is_restored_into_an_empty_database_and_over_a_used_one(cluster: Path, backup: Path, tmp_path: Path) -> None:
    data, there = tmp_path / "data", url(cluster, "new")
    good(manage(data, "restore", str(backup), DATABASE_URL=there))
    assert rows(cluster, "new", PLACES) == ["studio.loc"]
    assert rows(cluster, "new", TRIGGERS) == ["audit_no_change", "audit_no_truncate"]
    assert (data / "secret.key").read_bytes() == content(backup)["secret.key"]

    rows(cluster, "new", "UPDATE cameras_location SET domain = 'mine.loc'")
    assert "--overwrite" in refused(manage(data, "restore", str(backup), DATABASE_URL=there))
    assert rows(cluster, "new", PLACES) == ["mine.loc"]
    good(manage(data, "restore", str(backup), "--overwrite", DATABASE_URL=there))
    assert rows(cluster, "new", PLACES) == ["studio.loc"]
    (aside,) = data.glob("before-restore-*")
    assert (aside / "database").read_bytes().startswith(b"PGDMP")


def test_one_of_the_other_kind_is_refused(backup: Path, tmp_path: Path) -> None:
    assert "Set DATABASE_URL to a database of the same kind" in refused(manage(tmp_path, "restore", str(backup)))


@pytest.mark.parametrize("words", [["backup"], ["restore"]])
def test_a_database_that_is_away_is_told_in_a_sentence(backup: Path, tmp_path: Path, words: list[str]) -> None:
    file = str(backup if words == ["restore"] else tmp_path / "backup.tar.gz")
    said = refused(manage(tmp_path / "data", *words, file, DATABASE_URL=f"postgres://ucam@/{tmp_path}/none"))
    assert "DATABASE_URL" in said
    assert not (tmp_path / "backup.tar.gz").exists()
