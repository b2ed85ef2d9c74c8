"""The shell line for a Pi that runs already: it explains itself, asks, and may be repeated."""

from __future__ import annotations

import hashlib
import os
import pty
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.e2e.stack import AGENT, Stack

JID = "cam001@studio.loc"
UNKNOWN = "AAAA-BBBB-CCCC-DDDD"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("server"), with_camera=False) as running:
        yield running


def line(stack: Stack, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`curl … | sh -s -- WORDS`, without a terminal."""
    with urlopen(f"{stack.url}/install/ucam.sh", timeout=10) as answer:
        text = answer.read().decode()
    argv = ["/bin/sh", "-s", "--", *words]
    given = {**os.environ, **(env or {})}
    return subprocess.run(
        argv, input=text, env=given, capture_output=True, text=True, start_new_session=True, timeout=60
    )


def here(root: Path) -> list[str]:
    return ["--root", str(root), "--rehearsal", str(AGENT)]


def test_the_line_enrols_and_may_be_repeated(stack: Stack, tmp_path: Path) -> None:
    code = stack.manage("add_camera", JID).splitlines()[-1]
    first = line(stack, code, "--yes", *here(tmp_path))
    assert first.returncode == 0, first.stderr
    assert "Debian's packages" in first.stdout
    assert "done: this Pi is a camera" in first.stdout
    identity = (tmp_path / "var/lib/ucam-agent/device.json").read_text()
    again = line(stack, code, "--yes", *here(tmp_path))
    assert again.returncode == 0, again.stderr
    assert "camera already" in again.stdout
    assert (tmp_path / "var/lib/ucam-agent/device.json").read_text() == identity
    assert code not in (tmp_path / "var/lib/ucam-firstboot/ucam.toml").read_text()


def test_a_new_identity_is_given_only_when_asked_for(stack: Stack, tmp_path: Path) -> None:
    device = tmp_path / "var/lib/ucam-agent/device.json"
    identities = []
    for words in ([], ["--again"]):
        code = stack.manage("add_camera", JID).splitlines()[-1]
        done = line(stack, code, "--yes", *words, *here(tmp_path))
        assert done.returncode == 0, done.stderr
        identities.append(device.read_text())
    assert identities[0] != identities[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "The code is missing"),
        (["$(reboot)", "--yes"], "This is no code"),
        (['a"b', "--yes"], "This is no code"),
        ([UNKNOWN, "--force"], "no option --force"),
        ([UNKNOWN, "--root"], "needs a path"),
        ([UNKNOWN, "--root", "/tmp/a b"], "cannot be used"),
        ([UNKNOWN, "--root", "/nowhere"], "no terminal"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(stack: Stack, words: list[str], said: str) -> None:
    done = line(stack, *words)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_refused_code_is_told_in_the_servers_words(stack: Stack, tmp_path: Path) -> None:
    done = line(stack, UNKNOWN, "--yes", *here(tmp_path))
    assert done.returncode == 1
    assert "not known here" in done.stderr
    assert "run the same line again" in done.stderr


def test_no_is_taken_for_an_answer(stack: Stack, tmp_path: Path) -> None:
    """With a terminal it asks there, since the script itself comes in on standard input."""
    script = tmp_path / "ucam.sh"
    with urlopen(f"{stack.url}/install/ucam.sh", timeout=10) as answer:
        script.write_bytes(answer.read())
    child, terminal = pty.fork()
    if child == 0:
        os.execv("/bin/sh", ["sh", "-c", f"sh -s -- {UNKNOWN} --root {tmp_path}/pi <{script}"])
    os.write(terminal, b"n\n")
    said = b""
    while b"Nothing was changed." not in said:
        said += os.read(terminal, 4096)
    assert b"Go on? [y/N]" in said
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)
    assert not (tmp_path / "pi").exists()


def test_without_root_and_sudo_it_says_how_to_get_root(stack: Stack, tmp_path: Path) -> None:
    """A PATH of its own: an `id` that is nobody's, and no sudo."""
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    (tmp_path / "cat").symlink_to("/bin/cat")
    done = line(stack, UNKNOWN, "--yes", env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "su -" in done.stderr


def test_what_is_downloaded_holds_no_secret_and_is_whole(stack: Stack) -> None:
    code = stack.manage("add_camera", JID).splitlines()[-1]
    agent = stack.request("GET", "/install/agent.json")
    listed = {**agent["files"], agent["wheel"]["name"]: agent["wheel"]["sha256"]}
    assert agent["wheel"]["name"].endswith("-py3-none-any.whl")
    for name, sha256 in listed.items():
        with urlopen(f"{stack.url}/install/files/{name}", timeout=20) as answer:
            content = answer.read()
        assert hashlib.sha256(content).hexdigest() == sha256
        assert code.encode() not in content


@pytest.mark.parametrize("name", ["..%2f..%2fsecret.key", "settings.py", "building.lock", "%2e%2e", "x.whl"])
def test_only_listed_files_are_served(stack: Stack, name: str) -> None:
    assert not stack.answers(f"/install/files/{name}")
