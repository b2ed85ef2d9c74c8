"""Sound on the timeline of the pictures: frames as they were heard in, an unbroken row of frames out.

Players show pictures only as far as there is sound, so what is missing becomes silence; and a microphone's clock is
never quite ours, so from time to time a frame of silence is put in or one is left out.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from .sound_boxes import FRAME_SAMPLES, SoundFormat

WAITING_FRAMES_MAX = 3000  # a minute: of pictures that do not come
APART_FRAMES = 2  # that far from where it was heard a frame may lie: 43 ms at 48 kHz
LATE_S = 0.5  # what is heard may come that much later than the pictures of its time


@dataclass(slots=True)
class SoundTrack:
    """Of one run. `heard` is for the sound's threads, `start` and `take` for the muxer's."""

    format: SoundFormat
    silent_frames: int = 0
    _waiting: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=WAITING_FRAMES_MAX))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _zero_ns: int = 0
    _next: int | None = None

    def heard(self, mono_ns: int, content: bytes) -> None:
        """One frame; its first sample was heard then, on CLOCK_MONOTONIC."""
        with self._lock:
            self._waiting.append((mono_ns, content))

    def start(self, mono_ns: int, media_s: float) -> None:
        """The first picture was taken then and is shown at this time of the media."""
        self._zero_ns = mono_ns - round(media_s * 1e9)
        first = self._samples(media_s)
        with self._lock:
            while self._waiting and self._place(self._waiting[0][0]) < first:
                self._waiting.popleft()
            at = self._place(self._waiting[0][0]) if self._waiting else first
        self._next = at if at - first < FRAME_SAMPLES else first

    def take(self, until_s: float) -> tuple[int, list[bytes]]:
        """What belongs before this time of the media: place of the first sample, and the frames."""
        if self._next is None:
            return 0, []
        begin, end, frames = self._next, self._samples(until_s), list[bytes]()
        while (one := self._pop(end)) is not None:
            at, content = one
            if at < self._next - APART_FRAMES * FRAME_SAMPLES:
                continue
            if at > self._next + APART_FRAMES * FRAME_SAMPLES:
                self._silence(frames, at - FRAME_SAMPLES // 2)
            frames.append(content)
            self._next += FRAME_SAMPLES
        self._silence(frames, end - self._samples(LATE_S))
        return begin, frames

    def _pop(self, end: int) -> tuple[int, bytes] | None:
        """The next frame that begins before `end`."""
        with self._lock:
            if not self._waiting or self._place(self._waiting[0][0]) >= end:
                return None
            mono_ns, content = self._waiting.popleft()
            return self._place(mono_ns), content

    def _silence(self, frames: list[bytes], until: int) -> None:
        while self._next is not None and self._next < until:
            frames.append(self.format.silence)
            self._next += FRAME_SAMPLES
            self.silent_frames += 1

    def _place(self, mono_ns: int) -> int:
        return (mono_ns - self._zero_ns) * self.format.rate // 1_000_000_000

    def _samples(self, seconds: float) -> int:
        return round(seconds * self.format.rate)
