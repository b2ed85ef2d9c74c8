"""An IP camera's own small stream, taken as it comes: opened when somebody asks for it, closed with the last of them.

It lives in the live process, so that nothing that is wrong with it touches what is recorded.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from ucam_protocol import RtspSource, Settings

from . import faults, gst, sources
from .errors import AgentError
from .frames import Frame, Stream
from .gst import Fault, Pipeline, Sample
from .gst_glib import glib
from .ice import profile_level_id

FIRST_WITHIN_S = 7.0  # connecting, then up to a keyframe distance, which the camera alone decides
SILENT_S = 5.0
_ENCODING = re.compile(r"encoding-name=\(string\)([A-Za-z0-9-]+)")
_SIZE = re.compile(r"\b(width|height)=\(int\)(\d+)")
_RATE = re.compile(r"\bframerate=\(fraction\)(\d+)/(\d+)")


class OwnFailed(AgentError):
    """The camera does not give its small stream; the words name it without user and password."""

    code = "own_failed"
    permanent = False


class Own:
    """From `open` to `close`; `on_frame` and `gave_up` are called on the event loop."""

    def __init__(
        self, source: Stream, camera: RtspSource, on_frame: Callable[[Frame], None], gave_up: Callable[[str], None]
    ) -> None:
        """`source`: the large stream beside which it stands. `camera`: where the small one is."""
        self.source, self.camera = source, camera
        self.stream: Stream | None = None
        self.profile = ""
        self._on_frame, self._gave_up = on_frame, gave_up
        self._loop = asyncio.get_running_loop()
        self._settled = asyncio.Event()  # there is a picture, or there will be none
        self._failure = ""
        self._closed = False
        self._heard_s = time.monotonic()
        self._offered: list[str] = []
        self._caps = ""
        self._number = 0
        self._pipeline: Pipeline | None = None

    async def open(self) -> None:
        """Returns with the first frame; raises AgentError or TimeoutError when none comes."""
        await glib().run(self._start)
        async with asyncio.timeout(FIRST_WITHIN_S):
            await self._settled.wait()
        if self._failure:
            raise OwnFailed(self._failure)

    async def close(self) -> None:
        """May be called twice."""
        self._closed = True
        await glib().run(self._end)

    def push(self, _frame: Frame) -> None:
        """A frame of the large stream: while those come, the small one is not silent for long either."""
        if time.monotonic() - self._heard_s > SILENT_S:
            self._fail(faults.silent(self._settings, SILENT_S, keyframe=False).words)

    def want_keyframe(self) -> None:
        """Only the camera decides when keyframes come."""

    @property
    def _settings(self) -> Settings:
        return Settings(source=self.camera)

    # ------------------------------------------------------------ GLib thread

    def _start(self) -> None:
        gst.start()
        pipeline = self._pipeline = Pipeline(sources.own_small(self.camera), "own")
        pipeline.gate("parse")
        pipeline.on_stream("camera", self._choose)
        pipeline.on_caps("frames", self._on_caps)
        pipeline.on_sample("frames", self._on_sample)
        pipeline.on_end(self._on_fault, lambda: self._tell_failed(faults.ended(self._settings).words))
        pipeline.play()

    def _end(self) -> None:
        if self._pipeline:
            self._pipeline.close()
            self._pipeline = None

    def _on_fault(self, fault: Fault) -> None:
        if self._offered and "H264" not in self._offered:
            trouble = faults.no_h264(self._settings, self._offered)
        else:
            trouble = faults.of_camera(self._settings, fault.kind, fault.words)
        self._tell_failed(trouble.words)

    # ------------------------------------------------------------ streaming threads

    def _choose(self, caps: str) -> bool:
        """Its first H.264 stream; no sound, which comes with the large one."""
        if "media=(string)video" not in caps:
            return False
        match = _ENCODING.search(caps)
        name = match[1] if match else "something unknown"
        wanted = name == "H264" and "H264" not in self._offered
        self._offered.append(name)
        return wanted

    def _on_caps(self, caps: str) -> None:
        """Those of the first picture count; another size later is another stream."""
        if not self._number:
            self._caps = caps
        elif _SIZE.findall(caps) != _SIZE.findall(self._caps):
            self._tell_failed("The IP camera has changed its small picture.")

    def _on_sample(self, sample: Sample) -> None:
        self._number += 1
        frame = Frame(sample.content(), sample.keyframe, self._number, sample.mono_ns)
        self._post(lambda: self._take(frame))

    def _tell_failed(self, words: str) -> None:
        self._post(lambda: self._fail(words))

    def _post(self, call: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    # ------------------------------------------------------------ event loop

    def _take(self, frame: Frame) -> None:
        self._heard_s = time.monotonic()
        if self.stream is None:
            size = {name: int(value) for name, value in _SIZE.findall(self._caps)}
            rate = _RATE.search(self._caps)
            fps = round(int(rate[1]) / int(rate[2])) if rate and int(rate[2]) else 0
            self.profile = profile_level_id(frame.data)
            self.stream = Stream(self._caps, size["width"], size["height"], fps, self.source.sound)
            self._settled.set()
        if not self._closed:
            self._on_frame(frame)

    def _fail(self, words: str) -> None:
        if self._closed or self._failure:
            return
        self._failure = words
        if self._settled.is_set():
            self._gave_up(words)
        self._settled.set()
