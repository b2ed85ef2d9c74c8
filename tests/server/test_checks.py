"""A wrong deployment is refused in words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


HOSTS_ANSWERED = """
import django
django.setup()
from django.test import Client
for host in ("localhost", "127.0.0.1:8000", "cameras.example.com", "evil.example.com"):
    print(host, Client(headers={"host": host}).get("/healthz").status_code)
"""


def check(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check --deploy` in a process of its own, as an operator runs it."""
    return python(folder, "manage.py", "check", "--deploy", **environment)


def python(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process of its own with the product's settings and nothing of this run's."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("UCAM_") and name != "EMAIL_URL"}
    clean |= {"UCAM_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "ucam.settings"} | environment
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_default_is_sound(tmp_path: Path) -> None:
    result = check(tmp_path / "data")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"UCAM_DEBUG": "1", "UCAM_BIND": "0.0.0.0:8000"}, "Unset UCAM_DEBUG"),
        ({"UCAM_BIND": "8000"}, "UCAM_BIND must look like 127.0.0.1:8000"),
        ({"UCAM_BIND": "127.0.0.1:99999"}, "UCAM_BIND must look like 127.0.0.1:8000"),
        ({"UCAM_URL": "cameras.example.com"}, "UCAM_URL must look like https://"),
        ({"UCAM_TURN": "turn:turn.example.com"}, "UCAM_TURN and UCAM_TURN_SECRET go together"),
        ({"UCAM_TURN": "turn:a.example.com", "UCAM_TURN_SECRET": "north"}, "openssl rand -hex 32"),
        ({"UCAM_SECRET_KEY": "secret"}, "UCAM_SECRET_KEY is short or a sample"),
        ({"UCAM_HOSTS": "*", "UCAM_BIND": "0.0.0.0:8000"}, "Name the hosts of this server"),
        ({"UCAM_TLS_CERT": "/etc/ucam/cert.pem"}, "UCAM_TLS_CERT and UCAM_TLS_KEY go together"),
        ({"UCAM_TLS_CERT": "/a", "UCAM_TLS_KEY": "/b"}, "UCAM_URL must begin with https://"),
        ({"UCAM_LOG": "loud"}, "UCAM_LOG must be plain or json"),
        ({"UCAM_DATA": "/proc/nowhere"}, "cannot be made"),
        ({"UCAM_RETENTION_EVERY_S": "often"}, "UCAM_RETENTION_EVERY_S cannot be read"),
        ({"UCAM_SECOND_TIER": "archive"}, "UCAM_SECOND_TIER must look like /mnt/archive"),
    ],
)
def test_a_wrong_value_stops_the_start_with_a_sentence(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    result = check(tmp_path / "data", **environment)
    assert result.returncode != 0
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_data_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    result = check(folder)
    assert result.returncode != 0
    assert "chmod 700" in result.stderr


def test_health_checks_of_this_machine_are_answered_whatever_hosts_are_named(tmp_path: Path) -> None:
    result = python(tmp_path / "data", "-c", HOSTS_ANSWERED, UCAM_HOSTS="cameras.example.com")
    assert dict(line.split() for line in result.stdout.splitlines()) == {
        "localhost": "200", "127.0.0.1:8000": "200", "cameras.example.com": "200", "evil.example.com": "400",
    }, result.stderr  # fmt: skip


def test_a_command_before_the_first_start_says_so_in_a_sentence(tmp_path: Path) -> None:
    result = python(tmp_path / "data", "manage.py", "add_user", "you@example.com")
    assert result.returncode != 0
    assert "The server's first start makes its tables" in result.stderr
    assert "Traceback" not in result.stderr
