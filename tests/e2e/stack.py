"""The whole product on this machine, by its own commands: a server, one enrolled camera and its agent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.error import URLError

from tests.e2e.commands import Commands

ROOT = Path(__file__).resolve().parents[2]
AGENT = Path(sys.executable).with_name("ucam-agent")
OPERATOR = "alice@example.com"
READY_S = 90.0
STOP_S = 30.0
TOKEN_S = 120.0

T = TypeVar("T")


class StackFailed(Exception):
    """A part did not do what it should; the text has its own words."""


def until(
    look: Callable[[], T], what: str, seconds: float = READY_S, alive: Callable[[], str] = lambda: "",
    every_s: float = 0.0,
) -> T:  # fmt: skip
    """What `look` answers as soon as it is true; raises StackFailed after `seconds` or when `alive` has a complaint.

    Unless `every_s` says otherwise it looks often at first, and then the more seldom the longer it has waited already:
    whoever asks a server all the time takes the processor from what is waited for.
    """
    begun = time.monotonic()
    deadline = begun + seconds
    while not (answer := look()):
        complaint = alive()
        if complaint or time.monotonic() > deadline:
            raise StackFailed(complaint or f"{what}: not within {seconds:.0f} s")
        time.sleep(every_s or min(max((time.monotonic() - begun) / 20, 0.02), 0.25))
    return answer


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def children_of(pid: int) -> dict[str, int]:
    """Process numbers of the direct children that are Python modules or programs, by name."""
    found: dict[str, int] = {}
    numbers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for number in map(int, numbers):
        try:
            words = Path(f"/proc/{number}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        name = words[words.index("-m") + 1] if "-m" in words else Path(words[0]).name
        found[name.removeprefix("ucam_agent.")] = number
    return found


class Process:
    """One command whose output goes to a file. `stop` may be called twice."""

    def __init__(self, argv: list[str], env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with open(log, "ab") as output:
            self._popen = subprocess.Popen(argv, cwd=ROOT, env=dict(env), stdout=output, stderr=subprocess.STDOUT)
        self.pid = self._popen.pid

    def complaint(self) -> str:
        """Empty while it runs, else its last words."""
        if self._popen.poll() is None:
            return ""
        return f"{self.log.name} ended with {self._popen.returncode}:\n{self.log.read_text(errors='replace')[-2000:]}"

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._popen.poll() is None:
            self._popen.send_signal(number)
        try:
            self._popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait(STOP_S)


class Agent:
    """The camera: `ucam-agent run` on a state directory of its own."""

    def __init__(self, state: Path, env: Mapping[str, str]) -> None:
        self.state, self._env = state, env
        self.process: Process | None = None

    def command(self, *words: str) -> str:
        """Output of `ucam-agent WORDS`; raises StackFailed with what it said."""
        done = subprocess.run(
            [str(AGENT), "--state", str(self.state), *words], env=dict(self._env), capture_output=True, text=True
        )
        if done.returncode:
            raise StackFailed(f"ucam-agent {words[0]}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self) -> None:
        log = self.state.with_name("agent.log")
        self.process = Process([str(AGENT), "--state", str(self.state), "run"], self._env, log)

    def stop(self) -> None:
        """May be called twice."""
        if self.process:
            self.process.stop()

    @property
    def pids(self) -> dict[str, int]:
        """`supervisor`, and those of `recorder` and `live` that run."""
        assert self.process
        return {"supervisor": self.process.pid, **children_of(self.process.pid)}

    def kill(self, part: str) -> None:
        """SIGKILL to `supervisor`, `recorder` or `live`."""
        os.kill(self.pids[part], signal.SIGKILL)

    def status(self) -> dict[str, Any]:
        """What the live process wrote last; empty before its first word."""
        try:
            written: dict[str, Any] = json.loads((self.state / "status" / "live.json").read_text())
        except (OSError, ValueError):
            return {}
        return written["status"]


class Stack:
    """`with Stack(tmp_path, settings={...}) as stack:` runs server and camera until the block ends.

    `settings`: of the camera, by the names of `add_camera`'s options (`source` as a mapping). `env`: for the server.
    `host`: as browsers call it; there are no passkeys for a number.
    """

    location, camera_jid = "studio.loc", "cam001@studio.loc"

    def __init__(
        self, folder: Path, *, settings: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None,
        with_camera: bool = True, host: str = "127.0.0.1",
    ) -> None:  # fmt: skip
        self.folder, self._settings, self._with_camera = folder, dict(settings or {}), with_camera
        self.data = folder / "data"
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"
        self._run = Path(tempfile.mkdtemp(prefix="ucam-run-"))  # short: sockets lie in it
        outside = {key: value for key, value in os.environ.items() if not key.startswith(("UCAM_", "DJANGO_"))}
        self.env = {
            **{key: value for key, value in outside.items() if key not in ("DATABASE_URL", "REDIS_URL", "EMAIL_URL")},
            "UCAM_DATA": str(self.data),
            "UCAM_BIND": f"127.0.0.1:{self.port}",
            "UCAM_URL": self.url,
            "UCAM_RUN": str(self._run),
            **(env or {}),
        }
        self.server: Process | None = None
        self.agent = Agent(folder / "camera", self.env)
        self._more_agents: list[Agent] = []
        self._tokens: dict[str, tuple[str, float]] = {}
        self._commands: Commands | None = None

    def __enter__(self) -> Stack:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.start_server()
            self._quick("add_location", self.location, "--name", "Studio")
            self.add_user(OPERATOR, "--operator", "--name", "Alice")
            if self._with_camera:
                self.add_camera()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything; may be called twice."""
        for agent in (self.agent, *self._more_agents):
            agent.stop()
        self.stop_server()
        if self._commands:
            self._commands.close()
        shutil.rmtree(self._run, ignore_errors=True)

    # ------------------------------------------------------------ server

    def start_server(self) -> None:
        """All of the server's processes; returns when /readyz says yes."""
        argv = [sys.executable, "-m", "ucam.supervise", "--service"]
        server = self.server = Process(argv, self.env, self.folder / "server.log")
        until(lambda: self.answers("/readyz"), "the server is ready", alive=server.complaint)

    def stop_server(self) -> None:
        """As Ctrl-C does; may be called twice."""
        if self.server:
            self.server.stop()

    def answers(self, path: str) -> bool:
        """Whether GET answers 200."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as response:
                return bool(response.status == 200)
        except (URLError, OSError):
            return False

    def manage(self, *words: str) -> str:
        """Output of `manage.py WORDS`; raises StackFailed with what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=self.env, capture_output=True, text=True
        )
        if done.returncode:
            raise StackFailed(f"manage.py {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout.strip()

    def shell(self, code: str) -> str:
        """What some lines of Python print that know the models; raises StackFailed."""
        return self._quick("shell", "-v", "0", "-c", code)

    def _quick(self, *words: str) -> str:
        """As `manage`, without a start of Django: for what brings a test to its beginning and is not tested itself."""
        if self._commands is None:
            self._commands = Commands(self.env)
        done = self._commands.run(*words)
        if done.code:
            raise StackFailed(f"manage.py {' '.join(words)}: {done.errors or done.output}")
        return done.output.strip()

    # ------------------------------------------------------------ people

    def add_user(self, email: str, *words: str) -> None:
        """A person; `words` as `manage.py add_user` has them, such as --location D --may watch,replay."""
        self._quick("add_user", email, *words)

    def sign_in_link(self, email: str = OPERATOR) -> str:
        """A link that signs this person in once."""
        return self._quick("sign_in_link", email).splitlines()[-1]

    def access_token(self, email: str = OPERATOR) -> str:
        """For API and room, valid for some minutes."""
        link = self.sign_in_link(email).rstrip("/").rpartition("/")[2]
        answer = self.request("POST", "/api/token/", {"link": link})
        return str(answer["access"])

    def access(self, email: str = OPERATOR) -> str:
        """The same, at most two minutes old: for whoever asks again and again, since each link costs a command."""
        token, made_s = self._tokens.get(email, ("", 0.0))
        if not token or time.monotonic() - made_s > TOKEN_S:
            token = self.access_token(email)
            self._tokens[email] = token, time.monotonic()
        return token

    def request(self, method: str, path: str, body: Any = None, access: str = "") -> Any:
        """JSON answer of the server; raises urllib's HTTPError."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {access}"} if access else {})}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", content, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as response:
            text = response.read()
        return json.loads(text) if text else None

    # ------------------------------------------------------------ camera

    def add_camera(self, jid: str = camera_jid, *, env: Mapping[str, str] | None = None, **settings: Any) -> Agent:
        """The camera's row, its enrolment, its agent; returns when it is in the room. `env`: more, of another one."""
        if jid == self.camera_jid:
            agent = self.agent
        else:
            agent = Agent(self.folder / jid.partition("@")[0] / "camera", {**self.env, **(env or {})})
            agent.state.parent.mkdir()
            self._more_agents.append(agent)
        wanted = self._settings | settings
        options = [f"--{key.replace('_', '-')}={_text(value)}" for key, value in wanted.items()]
        code = self._quick("add_camera", jid, *options).splitlines()[-1]
        agent.command("enrol", self.url, code)
        agent.start()
        process = agent.process
        assert process
        until(lambda: self.camera_is_online(agent), f"{jid} is in the room", alive=process.complaint)
        return agent

    def camera_is_online(self, agent: Agent | None = None) -> bool:
        """As the agent sees it; the first one's when none is given."""
        status = (agent or self.agent).status()
        return bool(status.get("parts", {}).get("room", {}).get("state") == "ok")


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, Mapping) else str(value)
