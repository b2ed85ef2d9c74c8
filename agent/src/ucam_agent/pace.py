"""Makes footage look like a live camera: one picture per tick of the monotonic clock; late ones count as dropped."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime

from ucam_protocol import FileSource, Settings, TestSource
from ucam_sentences import say

from . import stamp
from .gst import Picture, Pipeline
from .voice import FileVoice, Heard, TestVoice
from .zones import zone_of

log = logging.getLogger(__name__)

BACKLOG_MAX = 3  # pictures waiting for the encoder; more would only be delay
PULL_NS = 200_000_000
JOIN_S = 1.0


class Pacer(threading.Thread):
    """Pulls pictures from `footage` and pushes them into `encoding`, both playing. `close` ends it, within a tick."""

    def __init__(
        self,
        footage: Pipeline,
        encoding: Pipeline,
        base_ns: int,
        settings: Settings,
        *,
        loops: bool,
        heard: Heard | None = None,
    ) -> None:
        """`heard` takes the footage's own sound; the test picture has a beep with a flash every second."""
        super().__init__(name="pacer", daemon=True)
        self._footage, self._encoding, self._base_ns, self._fps = footage, encoding, base_ns, settings.fps
        self._loops = loops
        self._drawing = Drawing(settings)
        self._voice: FileVoice | TestVoice | None = None
        if heard:
            self._voice = FileVoice(footage, heard) if loops else TestVoice(heard)
        self._closing = threading.Event()
        self.taken = 0  # out of the footage, also those for which the encoder had no room
        self.produced = 0
        self.dropped = 0
        self.failure = ""

    def close(self) -> None:
        """Ends the thread and waits for it, but not for a source that hangs."""
        self._closing.set()
        if self.is_alive():
            self.join(JOIN_S)

    def run(self) -> None:
        try:
            if self._loops:
                self._footage.loop()
            self._pace()
        except Exception as error:
            log.exception("The pacer failed")
            self.failure = say("The source failed: {error}.", error=error)

    def _pace(self) -> None:
        tick = self._now_tick() + 1
        while not self._closing.is_set():
            tick = self._wait(tick)
            if self._loops:
                self._footage.again()
            sample = self._footage.pull("pictures", PULL_NS)
            if sample is None:
                self.failure = self.failure or self._footage.failure()
                continue
            self.taken += 1
            if self._encoding.waiting("source") >= BACKLOG_MAX:
                self.dropped += 1
            else:
                self._push(sample.picture(), tick)
            if self._voice:
                self._voice.give(sample, self._base_ns, self._tick_ns(tick), self._tick_ns(1))
            tick += 1

    def _push(self, picture: Picture, tick: int) -> None:
        self._drawing.draw(picture, time.time_ns() // 1_000_000, self.produced)
        if self._voice and self._voice.flashes(self._tick_ns(tick)):
            self._drawing.flash(picture)
        picture.place(self._tick_ns(tick), self._tick_ns(tick + 1) - self._tick_ns(tick))
        self._encoding.push("source", picture)
        self.produced += 1

    def _wait(self, tick: int) -> int:
        """Waits for the tick's time. When it is over by two ticks or more, those are lost: the newest is taken."""
        late = self._now_tick() - tick
        if late >= 2:
            self.dropped += late
            return tick + late
        delay_ns = self._base_ns + self._tick_ns(tick) - time.monotonic_ns()
        if delay_ns > 0:
            self._closing.wait(delay_ns / 1e9)
        return tick

    def _now_tick(self) -> int:
        return (time.monotonic_ns() - self._base_ns) * self._fps // 1_000_000_000

    def _tick_ns(self, tick: int) -> int:
        return tick * 1_000_000_000 // self._fps


class Drawing:
    """The clock for people, below left, and, where it is asked for, the stamp for programs, above left."""

    def __init__(self, settings: Settings) -> None:
        self._layout = stamp.Layout.of(settings.width, settings.height)
        self._stamped = isinstance(settings.source, FileSource | TestSource) and settings.source.stamp
        self._zone = zone_of(settings.timezone)
        self._scale = max(1, settings.width // 320)
        self._second = -1
        self._rows: list[bytes] = []

    def draw(self, picture: Picture, wall_ms: int, number: int) -> None:
        """Draws what is asked for."""
        layout = self._layout
        if picture.size != layout.size:
            raise ValueError(f"a picture has {picture.size} bytes instead of {layout.size}")
        if self._stamped:
            self._draw_stamp(picture, wall_ms, number)
        self._draw_clock(picture, wall_ms)

    def flash(self, picture: Picture) -> None:
        """A white field below right, a quarter of the picture wide and high."""
        layout = self._layout
        width, rows = layout.width // 4, layout.height // 4 // 2 * 2
        top = layout.height // 2 // 2 * 2
        luma = picture.read(top * layout.stride, rows * layout.stride)
        for row in range(rows):
            end = row * layout.stride + layout.width
            luma[end - width : end] = b"\xeb" * width
        picture.write(top * layout.stride, luma)

    def _draw_stamp(self, picture: Picture, wall_ms: int, number: int) -> None:
        layout, block = self._layout, self._layout.block
        luma = picture.read(0, 2 * block * layout.stride)
        stamp.draw_stamp(luma, layout.stride, block, wall_ms, number)
        picture.write(0, luma)
        self._neutral(picture, 0, block, stamp.MS_BITS * block // 2)

    def _draw_clock(self, picture: Picture, wall_ms: int) -> None:
        layout = self._layout
        if wall_ms // 1000 != self._second:
            self._second = wall_ms // 1000
            text = datetime.fromtimestamp(self._second, self._zone).strftime("%Y-%m-%d %H:%M:%S %z")
            self._rows = stamp.text_rows(text, self._scale)
        top = (layout.height - len(self._rows) - 8) // 2 * 2
        luma = picture.read(top * layout.stride, len(self._rows) * layout.stride)
        for index, row in enumerate(self._rows):
            luma[index * layout.stride + 8 : index * layout.stride + 8 + len(row)] = row
        picture.write(top * layout.stride, luma)
        self._neutral(picture, top // 2, (len(self._rows) + 1) // 2, (8 + len(self._rows[0]) + 1) // 2)

    def _neutral(self, picture: Picture, first_row: int, rows: int, columns: int) -> None:
        stride = self._layout.chroma_stride
        for plane in (self._layout.u, self._layout.v):
            chroma = picture.read(plane + first_row * stride, rows * stride)
            stamp.draw_neutral(chroma, stride, columns)
            picture.write(plane + first_row * stride, chroma)
