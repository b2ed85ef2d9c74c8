"""Children that are kept running: started in order, restarted when they die, stopped in reverse, never left behind.

    Supervisor([Child("redis", ["redis-server", ...]), Child("web", ["daphne", ...])]).run()

Used by the server (ucam/supervise.py) and by the agent; Linux and the standard library only. Each child leads a session
and process group of its own, so that Ctrl-C reaches only the supervisor; the kernel signals the children when the
supervisor itself is killed (PR_SET_PDEATHSIG, prctl(2)).
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

log = logging.getLogger("ucam.supervise")

LINE_BYTES_MAX = 64 * 1024
READY_POLL_S = 0.1
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class State(StrEnum):
    """What a child is doing; `on_state` is told each change."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"  # dead, until its back-off is over
    STOPPING = "stopping"
    STOPPED = "stopped"


class ChildNotReady(Exception):
    """A child did not become ready in time at the first start; the message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process to keep running. `env` is added to the supervisor's own environment; `ready` must answer at once."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    ready: Callable[[], bool] | None = None
    ready_timeout_s: float = 30.0
    prepare: Callable[[], None] | None = None  # before each start: remove a stale socket, and the like
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10.0
    orphan_signal: signal.Signals = (
        signal.SIGKILL
    )  # what the kernel sends when the supervisor is gone; SIGTERM for one that has children
    cwd: str | Path | None = None
    named_output: bool = True  # False: it writes straight to the supervisor's own stdout and stderr
    restart_min_s: float = 0.5
    restart_max_s: float = 30.0
    settled_s: float = 20.0  # having lived this long, it starts with the shortest back-off again
    worked: Callable[[], bool] | None = None  # asked at its end: having done its work, it does too


def print_line(name: str, line: str) -> None:
    """Write one line of a child's output with its name in front; a closed stdout costs the line, not the child."""
    with suppress(OSError):
        print(f"{name:<8} | {line}", flush=True)


def backoff_s(child: Child, failures: int) -> float:
    """Seconds to wait before start number `failures` + 1: doubling, capped, jittered to 75..100 %."""
    longest = min(child.restart_max_s, child.restart_min_s * 2.0 ** min(failures - 1, 16))
    return longest * random.uniform(0.75, 1.0)  # noqa: S311 - spreads restarts, guards no secret


def death(status: int) -> str:
    """Say a Popen return code in words."""
    if status >= 0:
        return f"ended with exit code {status}"
    return f"was ended by {signal.Signals(-status).name}"


class _Lines:
    """A child's output pipe, read on the loop and passed on line by line."""

    def __init__(self, fd: int, write: Callable[[str], None]) -> None:
        self._fd, self._write, self._rest = fd, write, b""
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> bool:
        """Take what is there; False when there is nothing (more)."""
        try:
            data = os.read(self._fd, LINE_BYTES_MAX)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) >= LINE_BYTES_MAX:
            lines, self._rest = [*lines, self._rest], b""
        for line in lines:
            self._write(line.decode(errors="replace").rstrip("\r"))
        if not data:
            asyncio.get_running_loop().remove_reader(self._fd)
        return bool(data)

    def close(self) -> None:
        """Pass on what was still in the pipe, then let go of it."""
        while self._read():
            pass
        asyncio.get_running_loop().remove_reader(self._fd)
        if self._rest:
            self._write(self._rest.decode(errors="replace"))


class _Process:
    """One life of one child."""

    def __init__(self, child: Child, write: Callable[[str], None]) -> None:
        supervisor_pid = os.getpid()

        def bind_to_supervisor() -> None:
            _libc.prctl(PR_SET_PDEATHSIG, int(child.orphan_signal), 0, 0, 0)
            if os.getppid() != supervisor_pid:  # it died before the line above could count
                os._exit(1)

        self._popen = subprocess.Popen(  # noqa: S603 - argv lists made by us, no shell
            list(child.argv),
            env={**os.environ, **child.env} if child.env else None,
            cwd=child.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if child.named_output else None,
            stderr=subprocess.STDOUT if child.named_output else None,
            start_new_session=True,
            preexec_fn=bind_to_supervisor,  # safe: the supervisor has one thread
        )
        self.pid = self._popen.pid
        self._lines = _Lines(self._popen.stdout.fileno(), write) if self._popen.stdout else None
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._pidfd = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    def _reap(self) -> None:
        """Its leader has ended: end the rest of its group while the leader's zombie still holds the group's number."""
        self._signal_group(signal.SIGKILL)
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        status = self._popen.wait()
        if self._lines:
            self._lines.close()
        if self._popen.stdout:
            self._popen.stdout.close()
        self._ended.set_result(status)

    def _signal_group(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def wait(self) -> int:
        """Answer Popen's return code once it has ended."""
        return await asyncio.shield(self._ended)

    async def end(self, number: signal.Signals, timeout_s: float, hurry: asyncio.Event) -> int:
        """Ask it to end; end its whole group by force after the time, or as soon as there is a hurry."""
        if not self._ended.done():
            signal.pidfd_send_signal(self._pidfd, number)
            ended, hurried = asyncio.create_task(self.wait()), asyncio.create_task(hurry.wait())
            await asyncio.wait((ended, hurried), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            hurried.cancel()
        if not self._ended.done():
            self._signal_group(signal.SIGKILL)
        return await self.wait()


class _Keeper:
    """Keeps one child running until it is stopped."""

    def __init__(self, child: Child, supervisor: Supervisor) -> None:
        self.child, self._supervisor = child, supervisor
        self.process: _Process | None = None
        self.state = State.STARTING
        self._kicks: asyncio.Task[int] | None = None
        self._tried, self._ready = asyncio.Event(), asyncio.Event()
        self._task = asyncio.create_task(self._keep(), name=f"keep {child.name}")

    def _enter(self, state: State) -> None:
        self.state = state
        self._supervisor.entered(self.child.name, state)

    async def _keep(self) -> None:
        failures = 0
        while True:
            started = time.monotonic()
            words = await self._live()
            failures = 1 if self._settled(started) else failures + 1
            wait_s = backoff_s(self.child, failures)
            log.warning("%s %s; it is started again in %.1f s", self.child.name, words, wait_s)
            self._enter(State.WAITING)
            await asyncio.sleep(wait_s)

    def _settled(self, started: float) -> bool:
        worked = self.child.worked
        return time.monotonic() - started >= self.child.settled_s or (worked is not None and worked())

    async def _live(self) -> str:
        """Start the child, wait for its end, and say in words how it ended."""
        self._enter(State.STARTING)
        try:
            if self.child.prepare:
                self.child.prepare()
            self.process = _Process(self.child, self._write)
        except (OSError, subprocess.SubprocessError, MemoryError) as error:  # any of them may pass
            return f"could not be started ({str(error) or type(error).__name__})"
        finally:
            self._tried.set()
        becoming_ready = asyncio.create_task(self._become_ready())
        try:
            return death(await self.process.wait())
        finally:
            becoming_ready.cancel()

    async def _become_ready(self) -> None:
        while self.child.ready and not self.child.ready():  # noqa: ASYNC110 - a process, not a coroutine, is awaited
            await asyncio.sleep(READY_POLL_S)
        self._enter(State.RUNNING)
        self._ready.set()

    def _write(self, line: str) -> None:
        self._supervisor.output(self.child.name, line)

    async def started(self) -> None:
        """Wait for its first start and, if it has one, for its sign that it works; raises ChildNotReady."""
        await self._tried.wait()
        if not self.child.ready:
            return
        try:
            await asyncio.wait_for(self._ready.wait(), self.child.ready_timeout_s)
        except TimeoutError:
            limit = f"{self.child.ready_timeout_s:.0f} s"
            message = f"{self.child.name} was not ready within {limit}; its lines above say why."
            raise ChildNotReady(message) from None

    def kick(self) -> None:
        """End the process; its keeper starts it again. Does nothing while an earlier kick is still at work."""
        if self.process and not (self._kicks and not self._kicks.done()):
            self._kicks = asyncio.create_task(self._end(self.process))

    async def _end(self, process: _Process) -> int:
        return await process.end(self.child.stop_signal, self.child.stop_timeout_s, self._supervisor.hurry)

    async def stop(self) -> None:
        """End the child and keep it ended; may be called twice."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self.state is State.STOPPED:
            return
        self._enter(State.STOPPING)
        if self.process:
            await self._end(self.process)
        self._enter(State.STOPPED)


class Supervisor:
    """Keeps children running; `run()` returns an exit code once SIGTERM, SIGINT, SIGHUP or `stop()` ended them all."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_state: Callable[[str, State], None] | None = None,
        output: Callable[[str, str], None] = print_line,
    ) -> None:
        self.children, self._on_state, self.output = list(children), on_state, output
        self.hurry = asyncio.Event()
        self._stopping = asyncio.Event()
        self._keepers: dict[str, _Keeper] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The process number of each child that was started, by name."""
        return {name: keeper.process.pid for name, keeper in self._keepers.items() if keeper.process}

    @property
    def states(self) -> dict[str, State]:
        return {name: keeper.state for name, keeper in self._keepers.items()}

    def entered(self, name: str, state: State) -> None:
        """Told by a child's keeper at each change."""
        if self._on_state:
            self._on_state(name, state)

    def run(self, then: Callable[[Supervisor], Awaitable[None]] | None = None) -> int:
        """`serve` in an event loop of its own."""
        return asyncio.run(self.serve(then))

    async def serve(self, then: Callable[[Supervisor], Awaitable[None]] | None = None) -> int:
        """Start the children in order, await `then`, keep all running until stopped; 1 when the first start failed."""
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        loop = asyncio.get_running_loop()
        for number in numbers:
            loop.add_signal_handler(number, self._signalled, number)
        start, stopping = asyncio.create_task(self._start(then)), asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({start, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
                await stopping
            return 0
        except ChildNotReady as error:
            log.error("%s", error)
            return 1
        finally:
            await self._stop_all(start, stopping)
            for number in numbers:
                loop.remove_signal_handler(number)

    async def _start(self, then: Callable[[Supervisor], Awaitable[None]] | None) -> None:
        for child in self.children:
            await self.start(child)
        if then:
            await then(self)

    async def _stop_all(self, *tasks: asyncio.Task[None] | asyncio.Task[bool]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for keeper in reversed(self._keepers.values()):
            await keeper.stop()

    async def start(self, child: Child) -> None:
        """Take one more child in (after the others) and wait until it is ready; raises ChildNotReady."""
        if child.name in self._keepers:
            raise ValueError(f"there is already a child named {child.name}")
        keeper = self._keepers[child.name] = _Keeper(child, self)
        await keeper.started()

    def kick(self, name: str) -> None:
        """End one child (by its stop signal, then by force), so that it is started afresh; returns at once."""
        self._keepers[name].kick()

    def stop(self) -> None:
        """Begin to stop everything; `run` returns when that is done."""
        self._stopping.set()

    def _signalled(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            log.warning("%s again: ending everything at once", number.name)
            self.hurry.set()
        else:
            log.info("%s: stopping", number.name)
        self.stop()


def log_to_stderr(level: int = logging.INFO) -> None:
    """A supervisor's own log lines in the same shape as its children's."""
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)-8s | %(message)s")
