"""One run's sound: a pipeline of its own in the care of a thread of its own, for a driver may hang.

Whatever goes wrong here costs sound only: it is told in words and tried again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ucam_protocol import AlsaAudio, FileSource, RtspSource, Settings, SourceAudio, TestSource
from ucam_sentences import say, together

from . import gst, sound_sources
from .backoff import Backoff
from .errors import AgentError
from .gst import Pipeline, PipelineFailed, Sample
from .sound_sources import SoundInput
from .sound_track import SoundTrack

log = logging.getLogger(__name__)

SILENT_S = 5.0
LOOK_S = 0.25
JOIN_S = 1.0
RETRY_S = (1.0, 10.0)

Tell = Callable[[str, str], None]  # state, words
Heard = Callable[[int, bytes], None]  # CLOCK_MONOTONIC in ns, samples as sound_sources.PCM


class Sound(threading.Thread):
    """Hears from `start` until `close`. `track` is what is recorded; None as long as, or because, there is none."""

    def __init__(self, settings: Settings, tell: Tell, heard: Heard) -> None:
        """`tell` and `heard` are called from other threads; `heard` only while `listened`."""
        super().__init__(name="sound", daemon=True)
        self.track: SoundTrack | None = None
        self._settings, self._tell, self._heard = settings, tell, heard
        self._input: SoundInput | None = None
        self._offered = threading.Event()
        self._closing = threading.Event()
        self._pipeline: Pipeline | None = None
        self._base_ns = 0
        self._listened = False
        self._arrived_at = 0.0
        self._told = ""
        self._prepare()

    def _prepare(self) -> None:
        """What can be known before anything runs."""
        encoder = next(iter(gst.installed(*sound_sources.ENCODERS)), "voaacenc")
        if isinstance(self._settings.audio, AlsaAudio):
            self._input = sound_sources.alsa(self._settings.audio.device, encoder)
        elif isinstance(self._settings.source, FileSource | TestSource):
            self._input = sound_sources.pcm(encoder)
        if self._input:
            self.track = SoundTrack(self._input.format)
            self._offered.set()

    # ------------------------------------------------------------ for the capture

    @property
    def from_camera(self) -> bool:
        """Whether it is the camera's own."""
        return isinstance(self._settings.audio, SourceAudio)

    def listen(self, listened: bool) -> None:
        """Whether `heard` is to be called. Any thread."""
        self._listened = listened
        if pipeline := self._pipeline:
            pipeline.set("listeners", "drop", not listened)

    def offer(self, caps: str, name: str) -> bool:
        """An IP camera has sound of this kind. True when it is to be sent. Streaming thread."""
        if self._input is not None or name not in sound_sources.RTP:
            return False
        encoder = next(iter(gst.installed(*sound_sources.ENCODERS)), "voaacenc")
        self._input = sound_sources.rtp(caps, name, encoder)
        self.track = SoundTrack(self._input.format)
        self._offered.set()
        return True

    def push(self, mono_ns: int, content: bytes) -> None:
        """Sound that comes with the pictures: samples, or RTP. Any thread."""
        pipeline = self._pipeline
        if pipeline and mono_ns >= self._base_ns:
            pipeline.push("source", gst.wrapped(content, mono_ns - self._base_ns))

    def missing(self, offered: list[str]) -> None:
        """There are pictures; when no sound has been offered by now, there is none."""
        if self.from_camera and self._input is None:
            self._say("broken", _nothing(self._settings, offered))

    def close(self) -> None:
        """Ends the thread and waits for it, but not for a driver that hangs. May be called twice."""
        again = self._closing.is_set()
        self._closing.set()
        self._offered.set()
        if self.is_alive() and not again:
            self.join(JOIN_S)

    # ------------------------------------------------------------ its thread

    def run(self) -> None:
        self._offered.wait()
        backoff = Backoff(*RETRY_S)
        while not self._closing.is_set() and self._input is not None:
            began = time.monotonic()
            try:
                self._hear(self._input)
            except PipelineFailed as error:
                self._fail(_meaning(self._settings, error.fault) if error.fault else error.message)
            except AgentError as error:
                self._fail(error.message)
            except Exception as error:
                log.exception("The sound failed")
                self._fail(say("The sound failed: {error}.", error=error))
            if time.monotonic() - began > RETRY_S[1]:
                backoff.reset()
            self._closing.wait(backoff.delay_s())

    def _hear(self, source: SoundInput) -> None:
        """Until it ends, by whatever, which is told at once: closing may hang."""
        pipeline = Pipeline(source.description, "sound")
        try:
            pipeline.on_sample("aac", lambda sample: self._on_frame(sample, source.late_ns))
            pipeline.on_sample("pcm", lambda sample: self._heard(sample.mono_ns, sample.content()))
            self._base_ns = pipeline.play()
            self._arrived_at = time.monotonic()
            self._pipeline = pipeline
            self.listen(self._listened)
            if words := self._watch(pipeline):
                self._fail(words)
        finally:
            self._pipeline = None
            pipeline.close()

    def _watch(self, pipeline: Pipeline) -> str:
        """Why it ended, in words; nothing when that was wanted."""
        while not self._closing.wait(LOOK_S):
            fault = pipeline.fault()
            if fault:
                return _meaning(self._settings, fault)
            if time.monotonic() - self._arrived_at > SILENT_S:
                return _silent(self._settings)
        return ""

    def _on_frame(self, sample: Sample, late_ns: int) -> None:
        """Streaming thread."""
        self._arrived_at = time.monotonic()
        self._say("ok", say("Sound is recorded."))
        if self.track:
            self.track.heard(sample.mono_ns - late_ns, sample.content())

    def _fail(self, words: str) -> None:
        self._say("broken", together(words, say("Pictures are recorded without sound; it is tried again.")))

    def _say(self, state: str, words: str) -> None:
        if words != self._told:
            self._told = words
            self._tell(state, words)


def _name(settings: Settings) -> str:
    if isinstance(settings.audio, AlsaAudio):
        return say("The microphone {device}", device=settings.audio.device or "default")
    return say("The IP camera's sound" if isinstance(settings.source, RtspSource) else "The footage's sound")


def _meaning(settings: Settings, fault: gst.Fault) -> str:
    """A fault in words; what is behind the source is the encoder's."""
    name = _name(settings)
    if fault.element != "source":
        return say("{name} cannot be encoded. ({told})", name=name, told=fault.words)
    if fault.kind == "resource.busy":
        return say("{name} is used by another program. Stop that program.", name=name)
    return say(
        "{name} cannot be opened or was unplugged. Check its plug and its name (arecord -L). ({told})",
        name=name,
        told=fault.words,
    )


def _silent(settings: Settings) -> str:
    if isinstance(settings.audio, AlsaAudio):
        return say("{name} gives nothing. Check its plug.", name=_name(settings))
    return say("{name} has stopped or was never there.", name=_name(settings))


def _nothing(settings: Settings, offered: list[str]) -> str:
    """The camera has no sound of its own that could be used."""
    if not isinstance(settings.source, RtspSource):
        return say("This camera has no microphone of its own. Choose one of the device's (alsa), or switch sound off.")
    if not offered:
        return say(
            "The IP camera sends no sound. Switch its microphone on in its own settings, or switch sound off here."
        )
    return say(
        "The IP camera's sound is {offered}, which cannot be used. Choose AAC or G.711 in its settings.",
        offered=", ".join(offered),
    )
