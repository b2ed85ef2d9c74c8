"""One run: source and encoding from start to end. Its callbacks come from streaming threads.

Footage is decoded in a pipeline of its own and paced; a camera has a clock of its own and heads the encoding pipeline.
"""

from __future__ import annotations

import ctypes
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ucam_protocol import FileSource, NoAudio, RtspSource, Settings
from ucam_sentences import say

from . import camera, faults, pipeline
from .camera import Board
from .child import Child
from .decode_times import DecodeTimes
from .discovery import Found
from .errors import AgentError
from .faults import Trouble
from .gst import Fault, Pipeline, PipelineFailed, Sample
from .pace import Pacer
from .sound import Sound
from .sound_track import SoundTrack
from .sources import Input
from .sps import in_order

SILENT_S = 5.0
START_S = 8.0  # until a camera's first picture: some need seconds to wake up
KEYFRAME_WAIT_S = 20.0  # where only the camera decides when keyframes come
FLOWS_S = 2.0
SILENT_PICTURES = 10
_ENCODING = re.compile(r"encoding-name=\(string\)([A-Za-z0-9-]+)")


@dataclass(frozen=True, slots=True)
class Frame:
    """One encoded access unit; `mono_ns` is when its picture was taken, `number` counts on through all runs."""

    content: bytes
    keyframe: bool
    mono_ns: int
    number: int


class Listener(Protocol):
    """Whom a capture tells."""

    def began(self, mono_ns: int, caps: str) -> None:
        """The first frame is encoded, taken at `mono_ns`. Streaming thread, before any `muxed` of this run."""

    def framed(self, frame: Frame) -> None:
        """A frame is encoded. Streaming thread; only while `wanted`."""

    def muxed(self, content: bytes) -> None:
        """The next bytes of the endless fragmented MP4. Streaming thread."""

    def sounded(self, mono_ns: int, samples: bytes) -> None:
        """Samples as sound_sources.PCM, heard at `mono_ns`. Streaming thread; only while `listen`ed to."""

    def sound_is(self, state: str, words: str) -> None:
        """How the sound is, in words. Any thread."""


class Capture:
    """Pictures from one source, encoded once. `close` may be called twice."""

    def __init__(
        self, settings: Settings, board: Board, listener: Listener, *, encoded_before: int, found: Found | None = None
    ) -> None:
        """`found`: the cameras of this device, where `camera.must_look` asks for it. Raises AgentError."""
        # What the capture before had goes back to the system: glibc keeps it for threads that are gone.
        ctypes.CDLL(None).malloc_trim(0)
        self.settings = camera.chosen(settings, found or Found())
        self._encoded_before = encoded_before
        self._wanted = False
        self._restamps = self._renumber = True
        self._number = self._seen = self._taken_then = 0
        self._passed: int | None = None
        self._listening = threading.Lock()
        self._arrived = self._overrun = 0
        self.frame_at = self._started_at = self._source_at = time.monotonic()
        self._listener = listener
        self._pacer: Pacer | None = None
        self._footage: Pipeline | None = None
        self._child: Child | None = None
        self._offered: list[str] = []
        self._sounds: list[str] = []
        self._ended = False
        self._caps, self._times = "", DecodeTimes("")
        self.encoder = board.encoder(self.settings)
        self._live = camera.live(self.settings, board, found or Found())
        if self._live is None:
            self._footage = Pipeline(camera.footage(self.settings, board), "footage")
        description = pipeline.encoding(self.settings, self._live, self.encoder)
        self._encoding = Pipeline(description, "encoding")
        self._encoding.on_sample("frames", self._on_frame)
        self._encoding.on_sample("fragments", lambda sample: listener.muxed(sample.content()))
        self._sound: Sound | None = None
        if not isinstance(self.settings.audio, NoAudio):
            self._sound = Sound(self.settings, listener.sound_is, listener.sounded)
        if self._live:
            self._watch(self._live)

    def _watch(self, live: Input) -> None:
        """Counts what comes from a camera."""
        self._encoding.on_buffer("fresh" if live.counted else "parse", self._on_picture)
        if live.counted:
            self._encoding.on_overrun("fresh", self._on_overrun)
        else:
            self._encoding.gate("parse")
            self._encoding.on_caps("frames", self._on_caps)
            self._encoding.on_eos("frames", lambda: self._encoding.end("record"))
        if isinstance(self.settings.source, RtspSource):
            self._encoding.on_stream("camera", self._choose_stream)
            if sound := self._own_sound:
                self._encoding.on_sample("heard", lambda sample: sound.push(sample.mono_ns, sample.content()))
                self._encoding.on_eos("frames", lambda: self._encoding.end("heard"))

    # ------------------------------------------------------------ how it is

    @property
    def encoded(self) -> int:
        """Frames that are encoded, until now or until it was closed."""
        return self._encoding.passed("frames") if self._passed is None else self._passed

    @property
    def wanted(self) -> bool:
        """Whether the listener is told of frames."""
        return self._wanted

    @wanted.setter
    def wanted(self, wanted: bool) -> None:
        self._wanted = wanted
        self._listen()

    def _listen(self) -> None:
        """A call of Python for each frame costs more than to record it, so there is none without need."""
        with self._listening:
            begun = self._passed is None and self._number > 0
            self._renumber = True
            if begun:
                self._encoding.listen("frames", self._wanted or self._restamps)

    @property
    def produced(self) -> int:
        """Pictures given to the encoder, or encoded by the camera."""
        if self._pacer:
            return self._pacer.produced
        return self._arrived - self._overrun if self._live and self._live.counted else self.encoded

    @property
    def dropped(self) -> int:
        """Pictures lost before the encoder."""
        return self._pacer.dropped if self._pacer else self._overrun

    @property
    def can_force(self) -> bool:
        """Whether a keyframe can be asked for."""
        return not (self._live and self._live.encoded)

    @property
    def soft(self) -> frozenset[str]:
        """Settings that can be changed without a new run, or that do not matter here."""
        return self.encoder.soft if self.can_force else frozenset({"bitrate_kbit", "keyframe_ms"} & self._moot())

    def _moot(self) -> set[str]:
        """What an encoding camera decides itself; rpicam-vid is told, so it must be started anew."""
        return set() if self._live and self._live.argv else {"bitrate_kbit", "keyframe_ms"}

    @property
    def track(self) -> SoundTrack | None:
        """The sound that is recorded with the pictures; known when the first picture is."""
        return self._sound.track if self._sound else None

    @property
    def _own_sound(self) -> Sound | None:
        """Where sound of the pictures' own source goes."""
        return self._sound if self._sound and self._sound.from_camera else None

    def trouble(self) -> Trouble | None:
        """What is wrong now: silence, or a source that broke without an error of the pipeline."""
        if self._pacer and self._pacer.failure:
            return Trouble("camera", self._pacer.failure)
        if self._child and (words := self._child.failure()):
            return Trouble("camera", words)
        now, encoded = time.monotonic(), self.encoded
        if encoded != self._seen:
            self._seen, self.frame_at = encoded, now
            self._taken_then = self._pacer.taken if self._pacer else 0
        if self._awaits_keyframe(now):
            return None
        silent_s = now - self.frame_at
        if silent_s < (START_S if self._live and not encoded else SILENT_S):
            return None
        if self._encoder_stuck(now):
            words = say(
                "There was no picture for {seconds} s, though the camera gives some.", seconds=f"{silent_s:.0f}"
            )
            return Trouble("encoder", words)
        return faults.silent(
            self.settings, silent_s, keyframe=self._arrived > 0 and not (self.encoded or self.can_force)
        )

    def _awaits_keyframe(self, now: float) -> bool:
        flows = now - self._source_at < FLOWS_S and now - self._started_at < KEYFRAME_WAIT_S
        return not self.can_force and not self.encoded and self._arrived > 0 and flows

    def _encoder_stuck(self, now: float) -> bool:
        if self._pacer:
            return self._pacer.taken > self._taken_then + SILENT_PICTURES
        return self.can_force and self._arrived > 0 and now - self._source_at < FLOWS_S

    # ------------------------------------------------------------ life

    def start(self, failed: Callable[[Trouble], None], ended: Callable[[], None]) -> None:
        """Begins; `failed` and `ended` (after `end`) are called on the main loop. Raises PipelineFailed."""
        self.frame_at = self._started_at = self._source_at = time.monotonic()

        def on_ended() -> None:
            asked, self._ended = self._ended, True
            if asked:
                ended()
            else:
                failed(faults.ended(self.settings))

        try:
            self._encoding.on_end(lambda fault: failed(self._meaning(fault)), on_ended)
            if self._live and self._live.argv:
                self._child = Child(self._live.argv)
                self._encoding.set("camera", "fd", self._child.descriptor)
            base_ns = self._encoding.play()
            if self._footage:
                self._footage.play()
            if self._sound:
                self._sound.start()
        except BaseException as error:
            self.close()
            if isinstance(error, PipelineFailed) and error.fault and self._live:
                raise CameraFailed(self._meaning(error.fault)) from error
            raise
        if self._footage:
            loops = isinstance(self.settings.source, FileSource)
            sound = self._own_sound
            heard = sound.push if sound else None
            self._pacer = Pacer(self._footage, self._encoding, base_ns, self.settings, loops=loops, heard=heard)
            self._pacer.start()

    def listen(self, listened: bool) -> None:
        """Whether somebody wants to hear it live."""
        if self._sound:
            self._sound.listen(listened)

    def force_keyframe(self) -> None:
        """The next frame becomes a keyframe, where that can be asked for."""
        if self.can_force:
            self._encoding.force_keyframe("parse")

    def apply(self, settings: Settings) -> None:
        """Takes over what the encoder can change while running."""
        if self.can_force:
            for name, value in self.encoder.changes(settings).items():
                self._encoding.set("encoder", name, value)

    def end(self) -> None:
        """Takes no more pictures and lets out what is inside; `ended` follows."""
        if self._pacer:
            self._pacer.close()
        if self._sound:
            self._sound.close()
        self._ended = True
        self._encoding.end(self._live.inlet if self._live else "source")

    def close(self) -> None:
        """Stops at once."""
        if self._pacer:
            self._pacer.close()
        if self._footage:
            self._footage.close()
        if self._sound:
            self._sound.close()
        if self._child:
            self._child.end()
        with self._listening:
            if self._passed is None:
                self._passed = self._encoding.passed("frames")
        self._encoding.close()
        if self._child:
            self._child.close()

    def _meaning(self, fault: Fault) -> Trouble:
        """A camera's fault in words; what is behind it is the encoder's, or its own where nothing is encoded here."""
        names = [element.name for element in self._live.description.elements] if self._live else []
        if self.can_force and fault.element not in names:
            return Trouble("encoder", fault.words)
        if self._offered and not any(name == "H264" for name in self._offered):
            return faults.no_h264(self.settings, self._offered)
        return faults.of_camera(self.settings, fault.kind, fault.words)

    # ------------------------------------------------------------ streaming threads

    def _choose_stream(self, caps: str) -> bool:
        """The first H.264 stream of an IP camera, and the first with sound when that is asked for."""
        match = _ENCODING.search(caps)
        name = match[1] if match else "something unknown"
        if "media=(string)audio" in caps and self._own_sound:
            self._sounds.append(name)
            return self._own_sound.offer(caps, name)
        if "media=(string)video" not in caps:
            return False
        wanted = name == "H264" and "H264" not in self._offered
        self._offered.append(name)
        return wanted

    def _on_picture(self) -> bool:
        """Whether the next one counts too: behind an encoding camera only until there is a frame."""
        self._arrived += 1
        self._source_at = time.monotonic()
        return self.can_force or not self._number

    def _on_overrun(self) -> None:
        self._overrun += 1

    def _on_caps(self, caps: str) -> None:
        """Of an encoding camera; new ones end the run, for the muxer does not take them."""
        self._caps, self._times = caps, DecodeTimes(caps)
        if self._number and self._restamps:
            self._encoding.set("record", "caps", caps)

    def _on_first(self, sample: Sample) -> None:
        self._listener.began(sample.mono_ns, sample.caps)
        if self._sound:
            self._sound.missing(self._sounds)
        self._restamps = not (self.can_force or in_order(sample.content()))
        if self._restamps:
            self._encoding.set("record", "caps", self._caps)
        elif not self.can_force:
            self._encoding.set("valve", "drop", False)

    def _on_frame(self, sample: Sample) -> None:
        first = not self._number
        if first:
            self._on_first(sample)
        if self._renumber:  # frames may have passed that nobody was told of
            self._renumber = False
            self._number = self._encoding.passed("frames")
        self._number += 1
        if self._restamps:
            self._record(sample)
        if self._wanted:
            number = self._encoded_before + self._number
            self._listener.framed(Frame(sample.content(), sample.keyframe, sample.mono_ns, number))
        if first:
            self._listen()

    def _record(self, sample: Sample) -> None:
        """Gives a frame that came encoded to the muxer, with the time of its decoding."""
        shown_ns = max(0, sample.running_ns)
        decoded_ns = self._times.of(shown_ns, sample.duration_ns)
        self._encoding.push("record", sample.unit(shown_ns, decoded_ns))


class CameraFailed(AgentError):
    """The camera could not be started; `trouble` says what to do."""

    code = "camera_failed"
    permanent = False

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.words)
        self.trouble = trouble
