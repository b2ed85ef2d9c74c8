"""`ucam-agent run`: keeps recorder and live process running. No gi, no network: it must be small and never fail."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace

from ucam_supervise import Child, State, Supervisor

from .config import Config, replace_file, systemd
from .pulse import Recorded, file_sign
from .signs import Signs

log = logging.getLogger(__name__)

SILENCE_MAX_S = 15.0
CHECK_EVERY_S = 1.0
STATUS_EVERY_S = 10.0
RECORDER, LIVE = "recorder", "live"
# Keyframes come and go thirty times as large as what lies between them, each freed by another thread: on the heap they
# leave holes that no other one fits into, and it grew by 4 MB an hour with a viewer. mallopt(3): so large, pages apart.
LIVE_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "32768"}


def children(config: Config) -> list[Child]:
    """The recorder first: it needs nobody. One that has recorded is started again at once, however often it dies."""
    state = ["--state", str(config.state.directory), "--log-level", config.log_level]
    state += ["--runtime", str(config.state.runtime)] if config.state.runtime else []
    media = ["--media", str(config.media)] if config.media else []
    recorded = Recorded(config.state.spool)
    return [
        Child(
            RECORDER,
            [*_module(RECORDER), *state, *media],
            prepare=recorded.begin,
            worked=recorded.since,
            restart_min_s=0.3,
            restart_max_s=10.0,
            settled_s=10.0,
            stop_timeout_s=5.0,
        ),
        Child(
            LIVE,
            [*_module(LIVE), *state],
            env=LIVE_MEMORY,
            restart_min_s=0.3,
            restart_max_s=3.0,  # back in the room within five seconds, and yet no burden on the recorder
            settled_s=10.0,
            stop_timeout_s=5.0,
        ),
    ]


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"ucam_agent.{name}"]


class Watch:
    """Ends a live process whose heartbeat has stopped, and writes status.json."""

    def __init__(self, config: Config) -> None:
        self._state = config.state
        self._sign = file_sign(config.state.live_status)
        self._last, self._heard_s = self._sign(), time.monotonic()
        self._states: dict[str, str] = {}
        self._restarts = {RECORDER: -1, LIVE: -1}
        self._written_s = 0.0

    def on_state(self, name: str, state: State) -> None:
        """Told by the supervisor."""
        self._states[name] = str(state)
        if state is State.STARTING:
            self._restarts[name] += 1
        if state is State.RUNNING and name == LIVE:
            self._heard_s = time.monotonic()
        self._write()

    async def run(self, supervisor: Supervisor) -> None:
        """Look once a second, as long as the supervisor runs."""
        self._task = asyncio.create_task(self._look(supervisor))

    async def _look(self, supervisor: Supervisor) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            if self.is_hung():
                log.warning("The live process has been silent for %.0f s; it is started afresh.", SILENCE_MAX_S)
                self._heard_s = time.monotonic()
                supervisor.kick(LIVE)
            if time.monotonic() - self._written_s > STATUS_EVERY_S:
                self._write()

    def is_hung(self) -> bool:
        """Silent for too long. A disk that takes nothing carries no heartbeat either: then silence says nothing."""
        return self._states.get(LIVE) == State.RUNNING and self.silent_s() > SILENCE_MAX_S and self._write()

    def silent_s(self) -> float:
        """Seconds since the live process was heard of: its heartbeat, or its start. No step of the clock counts."""
        sign = self._sign()
        if sign != self._last:
            self._last, self._heard_s = sign, time.monotonic()
        return time.monotonic() - self._heard_s

    def _write(self) -> bool:
        """For `ucam-agent status`. False when the disk takes nothing: that must not end the supervisor."""
        self._written_s = time.monotonic()
        facts = {"pid": os.getpid(), "at": time.time(), "children": self._states, "restarts": self._restarts}
        with suppress(OSError):
            replace_file(self._state.status, json.dumps(facts), durable=False)
            return True
        return False


def with_usable_runtime(config: Config) -> Config:
    """Without its directory for what need not outlive a boot, when that cannot be written: then the state's serves."""
    runtime = config.state.runtime
    if runtime is None or os.access(runtime, os.R_OK | os.W_OK | os.X_OK):
        return config
    log.warning("%s cannot be used; what belongs there goes to %s.", runtime, config.state.directory)
    return replace(config, state=replace(config.state, runtime=None))


def run(config: Config) -> int:
    """Until SIGTERM; the exit code."""
    config.state.make()
    config = with_usable_runtime(config)
    watch, signs = Watch(config), Signs(config, systemd())

    def on_state(name: str, state: State) -> None:
        watch.on_state(name, state)
        if state is State.STOPPING:
            signs.stopping()

    async def then(supervisor: Supervisor) -> None:
        signs.begin()
        await watch.run(supervisor)

    return Supervisor(children(config), on_state=on_state).run(then)
