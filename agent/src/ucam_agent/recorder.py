"""The recorder process: source, one encoder, spool, live.sock. It waits for nothing outside its own disk.

Threads: GLib's main loop in the main thread holds all state of this file; GStreamer's streaming threads and the writer
hand over by `Loop.call_soon` or a queue.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from ucam_protocol import MessageMalformed, NoAudio, Settings, decode_settings
from ucam_sentences import say, together

from . import camera, gst
from .board import look_at_board
from .bootfile import KERNEL_BOOT_ID, known_time
from .camera import MEDIA, Board
from .capture import CameraFailed, Capture, Frame
from .config import LOG_LEVELS, State, replace_file, start_log
from .discovery import Found
from .errors import AgentError
from .faults import Trouble
from .proven import read_settings
from .readers import Readers
from .sound_sources import PCM
from .spool import Hole, Spool, state_event
from .timetable import Timetable
from .writer import Writer

log = logging.getLogger(__name__)

END_MS = 3000
KEYFRAME_MIN_MS = 300
COUNTERS_MS = 5000
WATCH_MS = 500
GROUP_LATE_S = 3.0  # so long after it was due the next keyframe is asked for
FAILURES_MAX = 5
EXIT_FAILED = 3
EXIT_HUNG = 4
HUNG_S = 7.0
DELAY_MS_MAX = 4000
SETTLED_MS = 10_000
REST_SLICE_S, REST_FIRST_S = 600.0, 2.0
OFF = "The camera was off by its schedule."
# What a running pipeline need not be rebuilt for; some encoders can change more (Capture.soft).
SOFT_SETTINGS = frozenset({"name", "timezone", "chunk_s", "spool_max_bytes", "schedule", "uplink_kbit"})
_SIZE = re.compile(r"\b(width|height)=\(int\)(\d+)")
_RATE = re.compile(r"\bframerate=\(fraction\)(\d+)/(\d+)")


class Recorder:
    """Records from `start` until `stop`. `exit_code` tells how it ended."""

    def __init__(self, state: State, board: Board, loop: gst.Loop, kernel_boot_id: str) -> None:
        """Raises ConfigInvalid when there are no settings that can be used."""
        self.exit_code = 0
        self._board, self._loop = board, loop
        self._proven_file = state.spool / "settings.json"
        settings, self._fallback = read_settings(state, self._proven_file)
        self._settings = settings
        self._capture: Capture | None = None
        self._caps = ""
        self._sounds = False
        self._told: dict[str, dict[str, Any]] = {}
        self._failures = 0
        self._ending: Callable[[], None] | None = None
        self._timers: dict[str, int] = {}
        self._keyframe_at = self._group_at = 0.0
        self._before = {"produced": 0, "encoded": 0, "dropped": 0}
        self._stopping = False
        self._beginning = 0
        self._off = False
        self._rested_s = 0.0
        self._cameras_file = state.directory / "status" / "cameras.json"
        self._beat_at = time.monotonic()
        self._closed = threading.Event()
        self._spool = Spool(state.spool, settings, kernel_boot_id, lambda event: loop.call_soon(self._tell, event))
        self._writer = Writer(self._spool)
        self._timetable = Timetable(known_time(state.spool, kernel_boot_id), self._writer.know_time)
        self._readers = Readers(
            state.live_socket,
            loop,
            hello=self._hello,
            present=lambda: list(self._told.values()),
            keyframe=self._want_keyframe,
            settings=self._on_settings,
            wanted=self._on_wanted,
            clock=self._on_clock,
            restart=self._on_restart,
        )

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Begins to record."""
        self._writer.start()
        threading.Thread(target=self._die_when_hung, name="deadman", daemon=True).start()
        self._loop.call_every(COUNTERS_MS, self._tell_counters)
        self._loop.call_every(WATCH_MS, self._watch)
        self._begin(None)

    def stop(self) -> None:
        """Ends cleanly: the last fragment is written, the chunk closed, then the loop quits. May be called twice."""
        if self._stopping:
            return
        self._stopping = True
        if self._off:
            self._writer.rest(OFF)
        self._cancel("begin")
        self._end(self._loop.quit, gracefully=True)

    def close(self) -> None:
        """What must be undone however the loop ended."""
        if self._capture:
            self._capture.close()
            self._capture = None
        self._writer.close()
        self._readers.close()
        self._closed.set()

    def _begin(self, hole: Hole | None) -> None:
        """A new run, after a look at the device's cameras where the source asks for it; not outside of the schedule."""
        if not self._timetable.shall_record(self._settings):
            self._rest()
            return
        self._watch_time()
        if self._off:
            # Whatever else is new: until now it was off by choice.
            self._off, hole = False, Hole("off", OFF)
            self._tell_state("recorder", "ok", say("Recording again, as the schedule says."))
        self._beginning += 1
        if camera.must_look(self._settings.source):
            turn = self._beginning
            threading.Thread(target=lambda: self._look(hole, turn), name="look", daemon=True).start()
        else:
            self._begin_with(hole, None)

    def _look(self, hole: Hole | None, turn: int) -> None:
        """In a thread of its own: it can take seconds."""
        found = self._board.discover()
        self._loop.call_soon(self._on_found, hole, turn, found)

    def _on_found(self, hole: Hole | None, turn: int, found: Found) -> None:
        try:
            replace_file(self._cameras_file, msgspec.json.encode(found).decode(), durable=False)
        except OSError as error:
            log.warning("%s cannot be written: %s.", self._cameras_file, error.strerror)
        if turn == self._beginning and not self._stopping and self._ending is None and self._capture is None:
            self._begin_with(hole, found)

    def _begin_with(self, hole: Hole | None, found: Found | None) -> None:
        """When it cannot begin, that is one failure."""
        try:
            before = self._before["encoded"]
            capture = Capture(self._settings, self._board, self, encoded_before=before, found=found)
            capture.wanted = self._readers.want_frames
            capture.listen(self._readers.want_sound)
            self._capture = capture
            dropped_before = self._before["dropped"]
            self._writer.begin(hole, lambda: dropped_before + capture.dropped, lambda: capture.track)
            if isinstance(capture.settings.audio, NoAudio) and "sound" in self._told:
                self._tell_state("sound", "ok", say("Sound is switched off."))
            capture.start(self._failed, self._on_ended)
        except AgentError as error:
            self._capture = None
            if error.permanent and self._fallback is None:
                self._tell_state("camera", "broken", error.message)
                raise
            self._failed(error.trouble if isinstance(error, CameraFailed) else Trouble("camera", error.message))

    def _end(self, then: Callable[[], None], *, gracefully: bool) -> None:
        """Ends the run, then goes on with `then` when its last chunk is closed."""
        self._ending = then
        if self._capture is None or not gracefully:
            self._on_ended()
            return
        self._capture.end()
        self._later("end", END_MS, self._on_ended)

    def _on_ended(self) -> None:
        """All that was inside is out, or will not come any more."""
        then, self._ending = self._ending, None
        if then is None:
            return
        self._cancel("end")
        if self._capture:
            self._capture.close()
            for key, value in self._run_counters(self._capture).items():
                self._before[key] += value
            self._capture = None
        self._writer.end(lambda: self._loop.call_soon(then))

    def _later(self, name: str, ms: int, callback: Callable[[], None]) -> None:
        """One timer of each name."""
        self._cancel(name)

        def fired() -> None:
            self._timers.pop(name, None)
            callback()

        self._timers[name] = self._loop.call_later(ms, fired)

    def _cancel(self, name: str) -> None:
        if name in self._timers:
            self._loop.cancel(self._timers.pop(name))

    # ------------------------------------------------------------ what the capture tells (streaming threads)

    def began(self, mono_ns: int, caps: str) -> None:
        self._writer.began(mono_ns)
        self._loop.call_soon(self._on_began, caps)

    def framed(self, frame: Frame) -> None:
        self._loop.call_soon(self._readers.send_frame, frame)

    def muxed(self, content: bytes) -> None:
        self._group_at = time.monotonic()
        self._writer.muxed(content)

    def sounded(self, mono_ns: int, samples: bytes) -> None:
        self._loop.call_soon(self._readers.send_sound, mono_ns, samples)

    def sound_is(self, state: str, words: str) -> None:
        self._loop.call_soon(self._tell_state, "sound", state, words)

    # ------------------------------------------------------------ failure

    def _on_began(self, caps: str) -> None:
        self._later("settle", SETTLED_MS, self._settle)
        if self._fallback:
            self._fallback = None
            self._tell_state("recorder", "ok", say("The new settings are in use."))
        self._writer.keep(self._proven_file, self._settings)
        self._tell_state("camera", "ok", say("The camera gives pictures."))
        self._tell_encoder()
        sounds = bool(self._capture and self._capture.track)
        if (caps, sounds) != (self._caps, self._sounds):
            self._caps, self._sounds = caps, sounds
            self._readers.greet()

    def _settle(self) -> None:
        """It has worked for a while: the next failure is the first one again."""
        self._failures = 0

    def _watch(self) -> None:
        """Notices silence, and a writer that died."""
        self._beat_at = time.monotonic()
        if self._writer.failure:
            raise self._writer.failure
        if self._off and not self._stopping:
            self._watch_rest()
        self._watch_time()
        if self._capture is None or self._ending:
            return
        if not self._timetable.shall_record(self._settings):
            self._end(lambda: self._begin(None), gracefully=True)
            return
        trouble = self._capture.trouble()
        if trouble:
            self._failed(trouble)
        elif self._capture.can_force:
            self._watch_group()

    def _watch_group(self) -> None:
        """Encoders count pictures to the next keyframe: where most are lost for want of CPU, a group would not end."""
        now = time.monotonic()
        if self._group_at and now - self._group_at > self._settings.keyframe_ms / 1000 + GROUP_LATE_S:
            self._group_at = now
            self._want_keyframe()

    def _rest(self) -> None:
        """Off by choice, from now on."""
        self._off = True
        self._writer.rest(OFF)
        self._rested_s = time.monotonic() - REST_SLICE_S + REST_FIRST_S
        self._tell_state("recorder", "off", self._timetable.off_words(self._settings))

    def _watch_time(self) -> None:
        """Says that the schedule waits for somebody who knows the time, and that it does so no more."""
        if news := self._timetable.news(self._settings):
            self._tell_state("recorder", *news)

    def _watch_rest(self) -> None:
        """What was off is told in slices: should the power fail meanwhile, only the last one is not known for sure."""
        if self._timetable.shall_record(self._settings):
            self._begin(None)
        elif time.monotonic() - self._rested_s > REST_SLICE_S:
            self._rested_s = time.monotonic()
            self._writer.rest(OFF)

    def _failed(self, trouble: Trouble) -> None:
        """The run is over; another begins after a while, the process ends when that does not help."""
        if self._ending or self._stopping:
            return
        if self._fallback:
            self._roll_back(trouble.words)
            return
        self._cancel("settle")
        self._failures += 1
        log.error("The %s failed (%d): %s", trouble.part, self._failures, trouble.words)
        self._tell_state(trouble.part, "broken", trouble.words)
        hole = Hole(trouble.part, trouble.words)
        if self._failures == 1:
            # However this process ends, be it in a driver that hangs.
            self._writer.note(hole)
        if self._failures > FAILURES_MAX and not camera.is_remote(self._settings.source):
            self.exit_code = EXIT_FAILED
            self._end(self._loop.quit, gracefully=False)
            return
        delay_ms = max(trouble.wait_ms, min(DELAY_MS_MAX, 250 * 2**self._failures))
        self._end(
            lambda: self._later("begin", delay_ms, lambda: self._begin(hole)), gracefully=trouble.part == "camera"
        )

    def _die_when_hung(self) -> None:
        """A driver can hang in a change of state, and the loop with it: only a new process helps then."""
        late = 0
        while not self._closed.wait(1):
            # Twice: a process that was stopped for a while gets the time for a beat.
            late = late + 1 if time.monotonic() - self._beat_at > HUNG_S else 0
            if late > 1:
                log.critical("The recorder hangs; it ends so that another can start.")
                os._exit(EXIT_HUNG)

    # ------------------------------------------------------------ settings

    def _on_settings(self, body: bytes) -> None:
        try:
            settings = decode_settings(body).recorded
        except MessageMalformed as error:
            self._tell_state("recorder", "degraded", error.message)
            return
        if settings == self._settings:
            return
        names = SOFT_SETTINGS | (self._capture.soft if self._capture else frozenset())
        soft = {name: getattr(settings, name) for name in names}
        self._writer.apply(settings)
        if msgspec.structs.replace(self._settings, **soft) == settings:
            self._settings = settings
            if self._capture:
                self._capture.apply(settings)
            self._tell_state("recorder", "ok", say("The new settings are in use."))
            self._timetable.settings_changed()
            return
        self._try(settings)

    def _try(self, settings: Settings) -> None:
        """Rebuilds the pipeline; `_failed` goes back to what worked."""
        if self._ending:
            # Something is being ended already: what begins next shall have these settings.
            self._settings = settings
            return
        self._cancel("begin")
        self._fallback, self._settings = self._settings, settings
        self._end(lambda: self._begin(Hole("settings", "The camera's settings were changed.")), gracefully=True)

    def _roll_back(self, words: str) -> None:
        if self._fallback is None:
            return
        self._settings, self._fallback = self._fallback, None
        self._writer.apply(self._settings)
        back = say("The new settings gave no picture, so the old ones are back.")
        self._tell_state("recorder", "degraded", together(back, words))
        self._end(lambda: self._begin(Hole("settings", f"New settings gave no picture. {words}")), gracefully=False)

    # ------------------------------------------------------------ live.sock

    def _hello(self) -> dict[str, Any]:
        """What the stream is; as long as there is none, what it shall be."""
        settings = self._settings
        size = {name: int(value) for name, value in _SIZE.findall(self._caps)}
        rate = _RATE.search(self._caps)
        fps = round(int(rate[1]) / int(rate[2])) if rate and int(rate[1]) and int(rate[2]) else settings.fps
        told = {"caps": self._caps, "width": settings.width, "height": settings.height, "fps": fps}
        can_force = self._capture.can_force if self._capture else True
        return {**told, **size, "can_force": can_force, "sound": PCM if self._sounds else ""}

    def _on_wanted(self, frames: bool, sound: bool) -> None:
        if self._capture:
            self._capture.wanted = frames
            self._capture.listen(sound)

    def _on_clock(self, body: bytes) -> None:
        """The live process has compared the clock with the server's."""
        with contextlib.suppress(msgspec.DecodeError):
            self._timetable.heard(body)

    def _on_restart(self) -> None:
        if not self._stopping:
            log.warning("Somebody in the room asked for a restart.")
            self._writer.note(Hole("recorder", "The recorder was restarted, as somebody asked in the room."))
            self.stop()

    def _want_keyframe(self) -> None:
        """One at once, then one per KEYFRAME_MIN_MS."""
        if "keyframe" in self._timers:
            return
        wait_ms = round((self._keyframe_at - time.monotonic()) * 1000) + KEYFRAME_MIN_MS
        if wait_ms > 0:
            self._later("keyframe", wait_ms, self._force_keyframe)
        else:
            self._force_keyframe()

    def _force_keyframe(self) -> None:
        self._keyframe_at = time.monotonic()
        if self._capture:
            self._capture.force_keyframe()

    def _tell(self, event: dict[str, Any]) -> None:
        if event["event"] == "state":
            self._told[event["part"]] = event
        self._readers.tell(event)

    def _tell_state(self, part: str, state: str, words: str) -> None:
        log.log(logging.INFO if state == "ok" else logging.WARNING, "%s %s: %s", part, state, words)
        self._tell(state_event(part, state, words))

    def _tell_encoder(self) -> None:
        if self._capture and self._capture.can_force:
            encoder = self._capture.encoder
            words = encoder.words or say("{encoder} encodes.", encoder=encoder.factory)
            self._tell_state("encoder", "degraded" if encoder.words else "ok", words)
        else:
            self._tell_state("encoder", "ok", say("The camera encodes itself; its own quality settings count."))

    def _run_counters(self, capture: Capture) -> dict[str, int]:
        return {"produced": capture.produced, "encoded": capture.encoded, "dropped": capture.dropped}

    def _tell_counters(self) -> None:
        now = self._run_counters(self._capture) if self._capture else {}
        counters = {key: before + now.get(key, 0) for key, before in self._before.items()}
        self._tell({"event": "counters", **counters, "recorded": self._spool.recorded, "lost": self._spool.lost})


def main(arguments: list[str] | None = None) -> int:
    """The process; returns its exit code."""
    parser = argparse.ArgumentParser(prog="ucam_agent.recorder", description="Records this camera into the spool.")
    parser.add_argument("--state", type=Path, required=True, help="the agent's state directory")
    parser.add_argument("--runtime", type=Path, help="where its socket lies, if not there")
    parser.add_argument("--media", type=Path, help="a folder of footage for file sources, beside the agent's own")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info")
    options = parser.parse_args(arguments)
    start_log(options.log_level, "recorder")
    try:
        runtime = options.runtime.absolute() if options.runtime else None
        return record(State(options.state.absolute(), runtime), options.media)
    except AgentError as error:
        log.error("%s", error.message)
        return 1


def record(state: State, media: Path | None) -> int:
    """Records until SIGTERM or SIGINT, or until that is hopeless."""
    state.make()
    os.umask(0o077)
    loop = gst.Loop()
    board = look_at_board()
    if media is not None:
        board = replace(board, media=(media.absolute(), MEDIA))
    recorder = Recorder(state, board, loop, KERNEL_BOOT_ID.read_text().strip())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.on_signal(number, recorder.stop)
    try:
        recorder.start()
        loop.run()
    finally:
        recorder.close()
    return recorder.exit_code


if __name__ == "__main__":
    sys.exit(main())
