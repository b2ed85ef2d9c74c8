"""From the muxer's bytes to durable fragments: cut where they come from, written by the thread that owns the spool."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from ucam_boxes import Fragment, read_fragment, read_init, whole_boxes
from ucam_protocol import Settings

from .config import replace_file
from .sound_boxes import first_shown_after, fragment_with_sound, init_with_sound
from .sound_track import SoundTrack
from .spool import Hole, Run, Spool

log = logging.getLogger(__name__)

WAITING_BYTES_MAX = 32 * 2**20  # of a disk that hangs: two minutes at 2 Mbit/s


class Stream:
    """What one pipeline's muxer gives, cut into init and fragments. `run` is there from the first fragment on."""

    def __init__(self, dropped: Callable[[], int], sound: Callable[[], SoundTrack | None] = lambda: None) -> None:
        """`dropped` tells the frames lost before the encoder until now; `sound` is asked when there is a picture."""
        self.dropped = dropped
        self._sound = sound
        self._track: SoundTrack | None = None
        self._track_number = 0
        self.first_mono_ns = 0
        self.run: Run | None = None
        self._buffer = bytearray()
        self._init = bytearray()

    def take(self, content: bytes) -> Iterator[tuple[bytes, Fragment, Run]]:
        """The fragments that these bytes complete.

        Raises BoxesError for what is none: the run is broken then, and the next one begins behind a gap that says so.
        """
        self._buffer += content
        start = taken = 0
        whole = []
        for kind, _, end in whole_boxes(self._buffer):
            if kind in (b"ftyp", b"moov") and self.run is None:
                self._init += self._buffer[taken:end]
            elif kind == b"moof":
                continue
            elif kind == b"mdat":
                whole.append(bytes(self._buffer[start:end]))
            # Anything else is mfra, at the end of the stream: an index into a file that does not exist.
            start = taken = end
        del self._buffer[:taken]
        for fragment in whole:
            run = self.run = self.run or self._begin(fragment)
            facts = read_fragment(fragment, init=run.facts)
            if self._track is None:
                yield fragment, facts, run
                continue
            until_s = (facts.tfdt + facts.duration) / run.facts.timescale
            fragment = fragment_with_sound(fragment, self._track_number, *self._track.take(until_s))
            yield fragment, read_fragment(fragment, init=run.facts), run

    def _begin(self, fragment: bytes) -> Run:
        """The run whose first fragment this is; from here on it has sound, or none."""
        init = bytes(self._init)
        facts = read_init(init)
        self._track = self._sound()
        if self._track:
            begin = read_fragment(fragment, init=facts).tfdt + first_shown_after(fragment)
            self._track.start(self.first_mono_ns, begin / facts.timescale)
            init, self._track_number = init_with_sound(init, self._track.format)
            facts = read_init(init)
        return Run(init, facts, self.first_mono_ns)


class Writer(threading.Thread):
    """Writes fragments; no pipeline waits for the disk. When it hangs, fragments beyond a bound are lost and counted.

    `begin` and `end` stand around the life of a pipeline, `began` and `muxed` are for its streaming threads.
    """

    def __init__(self, spool: Spool, *, waiting_bytes_max: int = WAITING_BYTES_MAX) -> None:
        super().__init__(name="writer", daemon=True)
        self._spool = spool
        self._waiting_bytes_max = waiting_bytes_max
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._stream: Stream | None = None
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._refused_frames = 0
        self.failure: BaseException | None = None

    def begin(
        self, hole: Hole | None, dropped: Callable[[], int], sound: Callable[[], SoundTrack | None] = lambda: None
    ) -> None:
        """A pipeline is about to start; what it gives comes after a hole with this cause."""
        self._stream = Stream(dropped, sound)
        self._jobs.put(lambda: self._spool.begin_run(hole))

    def note(self, hole: Hole) -> None:
        """Remembers, beyond the end of this process, why nothing is recorded."""
        self._jobs.put(lambda: self._spool.note(hole))

    def know_time(self, utc_minus_mono_ms: int) -> None:
        """The right time has been confirmed: remembers it."""
        self._jobs.put(lambda: self._spool.know_time(utc_minus_mono_ms))

    def rest(self, detail: str) -> None:
        """Nothing is recorded, by choice: what was off until now is written down."""
        self._jobs.put(lambda: self._spool.rest(detail))

    def began(self, mono_ns: int) -> None:
        """Its first frame was taken then."""
        if self._stream:
            self._stream.first_mono_ns = mono_ns

    def muxed(self, content: bytes) -> None:
        """The next bytes from its muxer."""
        if self._stream:
            for fragment in self._stream.take(content):
                self._accept(*fragment, self._stream.dropped())

    def end(self, done: Callable[[], None]) -> None:
        """The pipeline has ended: closes the chunk, then calls `done` in this thread."""
        stream, self._stream = self._stream, None
        if stream:
            self._jobs.put(lambda: self._end(stream.dropped()))
        self._jobs.put(done)

    def apply(self, settings: Settings) -> None:
        """Chunk duration and quota from now on."""
        self._jobs.put(lambda: self._apply(settings))

    def keep(self, path: Path, settings: Settings) -> None:
        """These settings gave a picture: remembers them."""
        self._jobs.put(lambda: _keep(path, settings))

    def close(self) -> None:
        """Does what is waiting, closes the chunk, ends the thread. May be called twice."""
        self.end(lambda: None)
        self._jobs.put(None)
        if self.is_alive():
            self.join()

    def run(self) -> None:
        try:
            self._spool.open()
            while (job := self._jobs.get()) is not None:
                job()
        except BaseException as error:
            log.exception("The writer failed")
            self.failure = error

    def _accept(self, content: bytes, fragment: Fragment, run: Run, dropped: int) -> None:
        with self._lock:
            if self._waiting_bytes + len(content) > self._waiting_bytes_max:
                if not self._refused_frames:
                    self._spool.tell_hung()
                self._refused_frames += fragment.frames
                return
            self._waiting_bytes += len(content)
            refused, self._refused_frames = self._refused_frames, 0
        self._jobs.put(lambda: self._write(content, fragment, run, dropped, refused))

    def _write(self, content: bytes, fragment: Fragment, run: Run, dropped: int, refused: int) -> None:
        if refused:
            self._spool.skip(refused, dropped)
        self._spool.write(content, fragment, run, dropped)
        with self._lock:
            self._waiting_bytes -= len(content)

    def _end(self, dropped: int) -> None:
        with self._lock:
            refused, self._refused_frames = self._refused_frames, 0
        if refused:
            self._spool.skip(refused, dropped)
        self._spool.close(dropped)

    def _apply(self, settings: Settings) -> None:
        self._spool.settings = settings


def _keep(path: Path, settings: Settings) -> None:
    content = msgspec.json.encode(settings).decode()
    try:
        if not path.exists() or path.read_text() != content:
            replace_file(path, content)
    except OSError as error:
        log.warning("%s cannot be written: %s.", path, error.strerror)
