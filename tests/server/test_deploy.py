"""What an operator copies from docs/deploy: units that systemd accepts, a compose file that fits the Dockerfile."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
UNITS = ("ucam.service", "ucam-backup.service", "ucam-backup.timer")


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units with programs that are on this machine: only the venv of /opt/ucam is not."""
    folder = tmp_path_factory.mktemp("units")
    for name in UNITS:
        text = (DEPLOY / name).read_text().replace("/opt/ucam/.venv/bin/python", sys.executable)
        (folder / name).write_text(text.replace("file:///opt/ucam/docs/operations.md", "man:systemd(1)"))
    return folder


def analyze(*words: str) -> str:
    """systemd-analyze's output; it exits with 0 only when all is well."""
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing; it comes with Debian's systemd."
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_accepts_the_units(units: Path) -> None:
    assert analyze("verify", "--man=no", "--recursive-errors=no", *(str(units / name) for name in UNITS)).strip() == ""


def test_the_server_may_do_little(units: Path) -> None:
    told = analyze("security", "--offline=yes", "--threshold=45", str(units / "ucam.service"))
    assert re.search(r"exposure level for ucam.service: [0-4]\.\d OK", told), told[-300:]


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_no_unit_opens_the_data_folder_to_others(name: str) -> None:
    lines = (DEPLOY / name).read_text().splitlines()
    assert {"StateDirectory=ucam", "StateDirectoryMode=0700"} <= set(lines)


def test_its_user_is_made() -> None:
    user = re.findall(r"^User=(\S+)", (DEPLOY / "ucam.service").read_text(), re.M)
    assert re.findall(r"^u (\S+)", (DEPLOY / "ucam.sysusers").read_text(), re.M) == user


def test_the_compose_file_and_its_dockerfile_agree() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    server = compose["services"]["ucam"]
    assert (DEPLOY / server["build"]["context"]).resolve() == DEPLOY.parents[1]
    assert (DEPLOY.parents[1] / server["build"]["dockerfile"]).is_file()
    assert {volume.partition(":")[0] for volume in server["volumes"]} <= set(compose["volumes"])
    assert server["environment"]["UCAM_DATA"] == server["volumes"][0].partition(":")[2]


def test_a_line_of_any_process_becomes_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    from ucam.json_log import print_json

    print_json("redis", 'ready "now"')
    print_json("web", '{"level": "ERROR", "message": "no"}')
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["process"], first["message"]) == ("redis", 'ready "now"')
    assert second == {"process": "web", "level": "ERROR", "message": "no"}
