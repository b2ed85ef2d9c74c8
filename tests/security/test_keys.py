"""Signing keys change without signing anybody out; what only a forgotten key signed is over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.errors import TokenInvalid
from accounts.tokens import session_of
from tests.conftest import Cast

ROOT = Path(__file__).resolve().parents[2]


def rotate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, as an operator runs it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UCAM_")}
    clean |= {"UCAM_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "ucam.settings"}
    arguments = [sys.executable, "manage.py", "rotate_key", *words]
    return subprocess.run(arguments, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_keeps_the_older_key_until_it_is_forgotten(tmp_path: Path) -> None:
    folder, file = tmp_path / "data", tmp_path / "data" / "secret.key"
    assert rotate(folder).returncode == 0
    newest, oldest = file.read_text().split()
    assert file.stat().st_mode & 0o777 == 0o600
    assert rotate(folder, "--forget-older").returncode == 0
    assert file.read_text().split() == [newest]
    assert newest != oldest


def test_a_key_from_the_environment_is_changed_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    clean = os.environ | {"UCAM_DATA": str(tmp_path / "data"), "UCAM_SECRET_KEY": "k" * 60}
    clean["DJANGO_SETTINGS_MODULE"] = "ucam.settings"
    arguments = [sys.executable, "manage.py", "rotate_key"]
    done = subprocess.run(arguments, cwd=ROOT, env=clean, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "UCAM_SECRET_KEY_FALLBACKS" in done.stderr


def test_nobody_is_signed_out(cast: Cast, settings: Any) -> None:
    access, browser = cast.access(cast.alice), Client()
    browser.post("/api/admin-session/", headers={"Authorization": f"Bearer {access}"})
    assert browser.get("/admin/").status_code == 200
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, [settings.SECRET_KEY]
    assert session_of(access).user == cast.alice
    assert browser.get("/admin/").status_code == 200
    assert session_of(cast.access(cast.bob)).user == cast.bob


def test_a_forgotten_key_signs_nothing(cast: Cast, settings: Any) -> None:
    access = cast.access(cast.alice)
    settings.SECRET_KEY = "n" * 60
    with pytest.raises(TokenInvalid):
        session_of(access)
