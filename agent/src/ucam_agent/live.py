"""The live process: room, shipper, sessions. May crash, hang or leak: it is started again and no frame is lost.

Run as `python -m ucam_agent.live --state DIR`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from ucam_protocol import (
    Answer,
    Call,
    Chat,
    FromServer,
    Hangup,
    IceCandidate,
    Offline,
    ProtocolError,
    RtspSource,
    Settings,
    SettingsChanged,
    Welcome,
    decode_settings,
)
from ucam_sentences import say

from . import disk, wallclock
from .clock import Clock
from .commands import RECORDER, Commands
from .config import Config, Device, load, read_device, replace_file, start_log
from .connection import Connection, ConnectionState
from .errors import AgentError
from .frames import Frame, Frames, Stream
from .health import Health
from .report import Reporter
from .session import Sessions
from .shipper import Shipper
from .talk import Talk
from .tus import Storage
from .wire import Wire

log = logging.getLogger(__name__)

STATUS_EVERY_S = 15.0
STATUS_NOT_BEFORE_S = 2.0
HEARTBEAT_EVERY_S = 4.0
END_WITHIN_S = 4.0
OOM_SCORE, OOM_SCORE_ADJ = Path("/proc/self/oom_score_adj"), "500"


class Live:
    """Wires the parts; each of them runs as one task."""

    def __init__(
        self, config: Config, device: Device, http: aiohttp.ClientSession, storage: Storage, end: Callable[[], object]
    ) -> None:
        """`end` ends this process, so that the supervisor starts another."""
        self._end = end
        self._state = config.state
        self._clock = Clock()
        self._settings = _read_settings(config)
        self._changed, self._welcomed = asyncio.Event(), asyncio.Event()
        self._shipper = Shipper(self._state.spool, storage, self._changed.set, self._clock)
        self._shipper.uplink_kbit = self._settings.uplink_kbit
        self._health = Health(self._shipper, self._clock, self._settings.spool_max_bytes)
        self._frames = Frames(
            self._state.live_socket,
            on_stream=self._on_stream,
            on_frame=self._on_frame,
            on_event=self._on_event,
            on_connected=self._on_recorder,
            on_sound=lambda samples: self._sessions.sound(samples),
        )
        self._connection = Connection(
            device.room, device.token, http, self._clock, on_message=self._on_message, on_state=self._on_room
        )
        commands = Commands(config, self._health, self._restart)
        self._talk = Talk(commands.table(), self._connection.send, lambda: self._connection.jid)
        self._sessions = Sessions(self._frames, self._connection.send, self._on_viewers)
        self._sessions.use_small(_own_small(self._settings))
        self._reporter = Reporter(
            self._state.gaps, storage, self._shipper, self._clock, lambda: self._settings.spool_max_bytes
        )

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as parts:
                for part in (
                    self._frames.run(),
                    self._connection.run(),
                    self._shipper.run(),
                    self._reporter.run(),
                    self._tell_status(),
                    self._beat(),
                    self._warm(),
                ):
                    parts.create_task(part)
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_WITHIN_S):
                    await self._sessions.close_all(say("The camera's live part is being restarted; call again."))

    async def _warm(self) -> None:
        """Before the room nobody can call, so that start-up and shipping come first."""
        await self._welcomed.wait()
        await self._sessions.warm()

    # ------------------------------------------------------------ from the recorder

    def _on_stream(self, stream: Stream) -> None:
        self._sessions.stream_changed(stream)

    def _on_frame(self, frame: Frame) -> None:
        self._sessions.frame(frame)

    def _on_event(self, event: dict[str, Any]) -> None:
        kind = event.get("event")
        if kind == "fragment":
            self._shipper.fragment_recorded(event["boot"], event["seq"], event["offset"], event["length"])
            if self._health.recording():
                self._changed.set()
        elif kind == "chunk_closed":
            self._shipper.chunk_closed(event["boot"], event["seq"])
        elif self._health.told(event):
            self._changed.set()

    def _on_recorder(self, connected: bool) -> None:
        if connected:
            self._health.recorder_connected = True
        else:
            self._health.recorder_gone()
        self._changed.set()

    # ------------------------------------------------------------ from the room

    def _on_message(self, message: FromServer) -> None:
        match message:
            case Welcome():
                self._welcomed.set()
                self._sessions.ice_servers = message.ice_servers
                if message.settings is not None:
                    self._take_settings(message.settings)
                self._changed.set()
            case SettingsChanged():
                self._take_settings(message.settings)
            case Chat():
                self._talk.heard(message)
            case Call():
                self._call(message)
            case Answer():
                self._sessions.answer(message)
            case IceCandidate():
                self._sessions.candidate(message)
            case Hangup():
                self._sessions.hangup(message)
            case Offline():
                self._sessions.offline(message.jid)
            case _:
                log.debug("A message of type %s is not for cameras.", type(message).__name__)

    def _call(self, call: Call) -> None:
        if (off := self._health.off) is not None:
            self._connection.send(Hangup(session=call.session, reason=off.words, said=off.said))
        else:
            self._sessions.call(call)

    def _restart(self, which: str) -> None:
        log.warning("Somebody in the room asked for a restart of the %s process.", which)
        if which == RECORDER:
            self._frames.restart_recorder()
        else:
            self._end()

    def _on_room(self, state: ConnectionState, words: str) -> None:
        self._shipper.room(state is ConnectionState.ONLINE)
        if self._health.room(state, words):
            self._changed.set()

    def _on_viewers(self) -> None:
        self._health.viewers = len(self._sessions)
        self._shipper.watched = bool(self._sessions)
        self._changed.set()

    def _take_settings(self, settings: Settings) -> None:
        """New ones are written down first, then told to the recorder; on a full disk they hold as long as it runs."""
        if settings == self._settings:
            return
        self._settings, self._health.quota_bytes = settings, settings.spool_max_bytes
        self._shipper.uplink_kbit = settings.uplink_kbit
        self._sessions.use_small(_own_small(settings))
        text = msgspec.json.encode(settings)
        try:
            replace_file(self._state.settings, text.decode())
        except OSError as error:
            log.error("The new settings cannot be written down (%s). Check card and disk.", error.strerror)
        self._frames.give_settings(text)
        log.info("This camera has new settings.")

    # ------------------------------------------------------------ how it is

    async def _tell_status(self) -> None:
        """At once on a change, but not more often than the room wants, and every 15 s."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATUS_EVERY_S):  # wait_for can lose a cancellation (Python < 3.12)
                    await self._changed.wait()
            self._changed.clear()
            self._connection.send(self._health.status())
            self._write_status()
            await asyncio.sleep(STATUS_NOT_BEFORE_S)

    async def _beat(self) -> None:
        """Show the supervisor that event loop and GLib thread are alive."""
        while True:
            await self._sessions.beat()
            self._judge_clock()
            self._look_at_disk()
            self._write_status()
            await asyncio.sleep(HEARTBEAT_EVERY_S)

    def _judge_clock(self) -> None:
        """The recorder marks its chunks by it, and knows the time of day for its schedule."""
        agrees, utc_minus_mono_ms = self._clock.agrees, self._clock.utc_ms(0)
        if agrees is not None and utc_minus_mono_ms is not None:
            wallclock.judge(agrees)
            # Each time: a step since has made the last word worthless.
            self._frames.give_clock(agrees, utc_minus_mono_ms)

    def _look_at_disk(self) -> None:
        """As long as no recorder can be asked how it is: then nobody else says it."""
        lost = not self._health.recorder_connected
        if self._health.disk_is(disk.trouble(self._state.spool) if lost else ""):
            self._changed.set()

    def _write_status(self) -> None:
        """For `ucam-agent status`; the file's age is the heartbeat. Not fsynced: cards wear out.

        A disk that is full or turned read-only must not end this process: only shipping makes room on the one, and only
        the room tells people of the other.
        """
        status = {"pid": os.getpid(), "at": time.time(), "status": msgspec.to_builtins(self._health.status())}
        with contextlib.suppress(OSError):
            replace_file(self._state.live_status, json.dumps(status), durable=False)


def _own_small(settings: Settings) -> RtspSource | None:
    """The small stream that the camera itself has."""
    return settings.source.small if isinstance(settings.source, RtspSource) else None


def _read_settings(config: Config) -> Settings:
    """What this camera was told last; defaults when there is nothing that can be read."""
    try:
        return decode_settings(config.state.settings.read_bytes())
    except FileNotFoundError:
        return Settings()
    except ProtocolError as error:
        log.warning("settings.json cannot be used (%s); the room will send them again.", error.message)
        return Settings()


def _go_first() -> None:
    """When memory is short the kernel shall end this process, not the recorder."""
    with contextlib.suppress(OSError):
        OOM_SCORE.write_text(OOM_SCORE_ADJ)


async def _main(config: Config) -> None:
    device = read_device(config.state)
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: task and task.cancel())
    wire = Wire()
    # Two sessions: what the room's socket moves says nothing of storage.
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=wire.make)) as to_storage,
    ):
        storage = Storage(device.storage, device.token, to_storage, wire)
        with contextlib.suppress(asyncio.CancelledError):
            await Live(config, device, http, storage, lambda: task and task.cancel()).run()


def main() -> int:
    """The process; exit code 1 when it cannot work at all."""
    parser = argparse.ArgumentParser(prog="python -m ucam_agent.live")
    parser.add_argument("--state", required=True)
    parser.add_argument("--runtime")
    parser.add_argument("--log-level", default="info")
    options = parser.parse_args()
    try:
        start_log(options.log_level, "live")
        config = load(state=options.state, runtime=options.runtime)
        config.state.make()
        _go_first()
        asyncio.run(_main(config))
    except AgentError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
