"""The server on this machine: keeps its processes running, and says where it is once all of them work."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from functools import partial

from ucam_supervise import Child, ChildNotReady, Supervisor, log_to_stderr

from ucam.json_log import log_json_to_stderr, print_json
from ucam.nginx import NginxUnusable
from ucam.probes import status_of
from ucam.processes import Server, agent, children
from ucam.run_folder import StartFailed
from ucam.welcome import DEMO_JID, Welcome

READY_S = 60.0


async def until_ready(server: Server) -> None:
    """Wait for /readyz to say yes; raises ChildNotReady."""
    deadline = asyncio.get_running_loop().time() + READY_S
    while (status := await status_of(server.web_address, "/readyz")) != 200:
        if asyncio.get_running_loop().time() > deadline:
            found = f"answers /readyz with {status}" if status else "does not answer"
            raise ChildNotReady(f"After {READY_S:.0f} s the server still {found}; the lines above say why.")
        await asyncio.sleep(0.1)


async def output_of(argv: list[str], env: dict[str, str]) -> str:
    """What a command prints; raises StartFailed with its own words when it fails."""
    command = await asyncio.create_subprocess_exec(
        *argv, env={**os.environ, **env}, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        printed, said = await command.communicate()
    finally:
        if command.returncode is None:
            command.kill()
    if command.returncode:
        raise StartFailed(said.decode(errors="replace").strip() or f"{argv[0]} failed without a word.")
    return printed.decode()


async def start_demo(server: Server, code: str, supervisor: Supervisor) -> str:
    """Enrol the demo camera when it has a code, run it, and say what became of it."""
    try:
        if code:
            await output_of(agent(server, "enrol", server.local_url, code), {})
    except (OSError, StartFailed) as error:
        return f"The demo camera could not enrol: {error}"
    await supervisor.start(Child("demo", agent(server, "run"), orphan_signal=signal.SIGTERM, stop_timeout_s=15))
    return f"The demo camera {DEMO_JID} records and can be watched."


def run(found: list[Child], then: Callable[[Supervisor], Awaitable[None]]) -> int:
    """Run the children; their lines and ours as UCAM_LOG asks."""
    from ucam.settings import UCAM_LOG

    if UCAM_LOG == "json":
        log_json_to_stderr()
        return Supervisor(found, output=print_json).run(then)
    log_to_stderr()
    return Supervisor(found).run(then)


async def ready(server: Server, supervisor: Supervisor) -> None:
    """What a service does once all children run: a sign-in link would stand in the journal."""
    await until_ready(server)
    supervisor.output("ucam", f"ucam is running at {server.url}")


def welcomer(server: Server, with_demo: bool) -> Callable[[Supervisor], Awaitable[None]]:
    """What is done once all children run: the demo, and a few words for whoever started the server."""

    async def welcome(supervisor: Supervisor) -> None:
        await until_ready(server)
        words = [sys.executable, "-m", "ucam.welcome", "--state", str(server.demo_state)]
        try:
            about: Welcome = json.loads(await output_of([*words, *([] if with_demo else ["--no-demo"])], server.env))
        except StartFailed as error:
            raise ChildNotReady(f"The first operator could not be made: {error}") from error
        demo = await start_demo(server, about["code"], supervisor) if about["demo"] else ""
        print(
            f"\nucam is running at {server.url}\n\n"
            f"Sign in (works once, for 10 minutes):\n  {about['link']}\n"
            f"{f'{chr(10)}{demo}{chr(10)}' if demo else ''}\nStop with Ctrl-C.\n",
            flush=True,
        )

    return welcome


def check_port(server: Server) -> None:
    """Raise StartFailed when the address cannot be listened on."""
    try:
        family, _, _, _, address = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise StartFailed(
            f"The server cannot listen on {server.bind} ({error.strerror}). "
            f"Stop the program that uses this port, or choose another address: UCAM_BIND=127.0.0.1:8001 script/server"
        ) from error


def only_one(server: Server) -> int:
    """Take the lock of this data folder, held until this process ends; raises StartFailed."""
    lock = os.open(server.run / "supervise.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StartFailed(f"ucam is running already on the data in {server.data}. Stop that one first.") from None
    return lock


def prepare(server: Server) -> None:
    """Bring database and static files up to date in a process that gives its memory back; raises StartFailed."""
    command = [sys.executable, "-m", "ucam.prepare"]
    if subprocess.run(command, env={**os.environ, **server.env}).returncode:  # noqa: S603 - argv made by us
        raise StartFailed("The server was not started; the line above says why.")


def main() -> int:
    """Run as `python -m ucam.supervise`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ucam.supervise", description=__doc__)
    parser.add_argument("--no-demo", action="store_true", help="start without the demo location and its camera")
    parser.add_argument("--service", action="store_true", help="no demo, and no sign-in link in the output")
    options = parser.parse_args()
    from django.core.exceptions import ImproperlyConfigured

    try:
        server = Server.from_settings()
        if server.notice:
            print(server.notice, flush=True)
        only_one(server)
        check_port(server)
        prepare(server)
        found = children(server)
    except (ImproperlyConfigured, StartFailed, NginxUnusable) as error:
        print(error, file=sys.stderr)
        return 1
    return run(found, partial(ready, server) if options.service else welcomer(server, not options.no_demo))


if __name__ == "__main__":
    sys.exit(main())
