"""The whole server as script/server runs it, without the demo: one start, looked at from all sides."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ucam.run_folder import SOCKET_PATH_BYTES_MAX, StartFailed, run_folder

from .conftest import ROOT, lives, until

COMMAND = [sys.executable, "-m", "ucam.supervise", "--no-demo"]
WITHOUT_NGINX = """
import sys
from ucam import nginx
from ucam.supervise import main
nginx.program = lambda: None
sys.argv[1:] = ["--no-demo"]
sys.exit(main())
"""
NOT_FOR_IT = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "EMAIL_URL", "UCAM_RUN", "UCAM_URL")


def environment(data: Path, port: int) -> dict[str, str]:
    """As on a user's machine: what this test run has set for itself is left out."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_FOR_IT}
    return {**kept, "UCAM_DATA": str(data), "UCAM_BIND": f"127.0.0.1:{port}"}


def descendants(pid: int) -> list[int]:
    """All processes below one, from /proc."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(words[1]), []).append(int(stat.parent.name))
    below = children.get(pid, [])
    return below + [deeper for child in below for deeper in descendants(child)]


class Started:
    """A running server."""

    def __init__(self, data: Path, port: int, command: list[str] = COMMAND) -> None:
        self.data, self.port, self.output = data, port, data.parent / f"output-{port}.txt"
        data.parent.mkdir(exist_ok=True)
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment(data, port), stdout=output, stderr=subprocess.STDOUT
            )

    def wait_until_it_says_so(self) -> None:
        until(lambda: "Stop with Ctrl-C" in self.output.read_text() or self.process.poll() is not None, "start", 60)
        assert self.process.poll() is None, self.output.read_text()

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def child(self, name: str) -> int:
        """The process number of the child with this word in its command line."""
        for pid in descendants(self.process.pid):
            with suppress(FileNotFoundError, ProcessLookupError):  # it may end while we look
                if name in Path(f"/proc/{pid}/cmdline").read_text(errors="replace"):
                    return pid
        return 0


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    started = Started(tmp_path_factory.mktemp("server") / "data", free_port())
    try:
        started.wait_until_it_says_so()
        yield started
    finally:
        started.process.send_signal(signal.SIGINT)
        started.process.wait(30)


def test_it_prints_its_address_and_a_link_and_answers(server: Started) -> None:
    assert re.search(rf"http://127\.0\.0\.1:{server.port}/sign-in/\S+/", server.output.read_text())
    assert server.status("/readyz") == 200
    assert server.status("/static/vendor/hls.js") == 200


def test_what_it_keeps_is_for_its_user_only(server: Started) -> None:
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in (server.data, server.data / "run")} == {
        "data": "0o700",
        "run": "0o700",
    }
    assert oct((server.data / "secret.key").stat().st_mode & 0o777) == "0o600"


def test_nothing_of_it_listens_but_the_address_on_loopback(server: Started) -> None:
    numbers = {
        os.readlink(link)[8:-1]
        for pid in descendants(server.process.pid)
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink() and os.readlink(link).startswith("socket:[")
    }
    listening = [
        row.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for row in Path(table).read_text().splitlines()[1:]
        if row.split()[3] == "0A" and row.split()[9] in numbers
    ]
    assert listening == [f"0100007F:{server.port:04X}"]


@pytest.mark.parametrize(("called", "name"), [("web", "daphne"), ("redis", "redis-server"), ("nginx", "nginx: master")])
def test_a_process_killed_by_force_is_back_within_seconds(server: Started, called: str, name: str) -> None:
    before = server.child(name)
    os.kill(before, signal.SIGKILL)
    until(lambda: server.child(name) not in (0, before), f"{name} is back")
    until(lambda: server.status("/readyz") == 200, "the server answers again", 15)
    assert f"{called} was ended by SIGKILL; it is started again" in server.output.read_text()


def test_a_second_server_on_the_same_data_is_refused_in_words(server: Started) -> None:
    second = subprocess.run(
        COMMAND, cwd=ROOT, env=environment(server.data, free_port()), capture_output=True, text=True, timeout=30
    )
    assert second.returncode == 1
    assert "is running already on the data in" in second.stderr
    assert server.status("/readyz") == 200


def test_a_port_that_is_taken_is_refused_in_words(server: Started, tmp_path: Path) -> None:
    other = subprocess.run(
        COMMAND, cwd=ROOT, env=environment(tmp_path / "data", server.port), capture_output=True, text=True, timeout=30
    )
    assert other.returncode == 1
    assert f"cannot listen on 127.0.0.1:{server.port}" in other.stderr
    assert "UCAM_BIND=" in other.stderr
    assert "Traceback" not in other.stderr


def test_an_address_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    wrong = {**environment(tmp_path / "data", 1), "UCAM_BIND": "everywhere"}
    refused = subprocess.run(COMMAND, cwd=ROOT, env=wrong, capture_output=True, text=True, timeout=30)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("UCAM_BIND must look like")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_server_that_ended(tmp_path: Path, number: signal.Signals) -> None:
    started = Started(tmp_path / "data", free_port())
    started.wait_until_it_says_so()
    below = descendants(started.process.pid)
    assert len(below) >= 5
    started.process.send_signal(number)
    assert started.process.wait(30) == (0 if number == signal.SIGINT else -number)
    until(lambda: not any(map(lives, below)), "end of every process below it", 20)


def test_without_nginx_everything_still_works(tmp_path: Path) -> None:
    started = Started(tmp_path / "data", free_port(), [sys.executable, "-c", WITHOUT_NGINX])
    try:
        started.wait_until_it_says_so()
        assert not started.child("nginx: master")
        assert [started.status(path) for path in ("/readyz", "/static/vendor/hls.js", "/nothing")] == [200, 200, 404]
    finally:
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(30) == 0


def test_a_path_too_long_for_sockets_gets_a_private_folder_elsewhere(tmp_path: Path) -> None:
    wanted = tmp_path / ("long" * 30) / "run"
    folder = run_folder(wanted)
    assert len(bytes(folder / "redis.sock")) <= SOCKET_PATH_BYTES_MAX
    assert folder.stat().st_mode & 0o777 == 0o700
    assert run_folder(wanted) == folder
    folder.rmdir()


def test_a_run_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o755)
    with pytest.raises(StartFailed, match="chmod 700"):
        run_folder(tmp_path / "run")


def test_a_server_with_a_long_data_path_starts(tmp_path: Path) -> None:
    started = Started(tmp_path / ("long" * 30) / "data", free_port())
    folder = run_folder(started.data / "run")
    try:
        started.wait_until_it_says_so()
        assert f"Sockets are in {folder}" in started.output.read_text()
        assert started.status("/readyz") == 200
    finally:
        started.process.send_signal(signal.SIGTERM)
        assert started.process.wait(30) == 0
        shutil.rmtree(folder)
