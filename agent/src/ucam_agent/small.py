"""The small stream of this camera, from its first viewer to its last: an IP camera's own, else one encoded here."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ucam_protocol import RtspSource
from ucam_sentences import say

from .errors import AgentError
from .frames import Frame, Frames, Stream

if TYPE_CHECKING:
    from .gst_own import Own
    from .gst_small import Small

log = logging.getLogger(__name__)

OWN_RETRY_S = 60.0  # many IP cameras lock the door after a few wrong passwords


class SmallStream:
    """One for all who ask for it. What cannot be is told in the log; viewers get what is next best."""

    def __init__(self, frames: Frames, on_frame: Callable[[Frame], None], gave_up: Callable[[str], None]) -> None:
        """`gave_up`: it is over, and why; those who watch it call again."""
        self._frames, self._on_frame, self._gave_up = frames, on_frame, gave_up
        self._lock = asyncio.Lock()
        self._small: Own | Small | None = None
        self._own: RtspSource | None = None
        self._own_not_before_s = 0.0
        self._refused = False

    @property
    def exists(self) -> bool:
        return self._small is not None

    def use(self, own: RtspSource | None) -> bool:
        """Where the IP camera has a small one of its own. True when that is news."""
        if own == self._own:
            return False
        self._own, self._own_not_before_s = own, 0.0
        return True

    def stream_changed(self) -> None:
        """The large one is another now: what could not be may be possible."""
        self._refused = False

    def push(self, frame: Frame) -> None:
        """A frame of the large one."""
        if self._small is not None:
            self._small.push(frame)

    async def get(self) -> Own | Small | None:
        """Made with its first viewer; None where it cannot be, or the large one is small."""
        gst_small = await asyncio.to_thread(importlib.import_module, "ucam_agent.gst_small")
        async with self._lock:
            stream = self._frames.stream
            if stream is None or not gst_small.needed(stream):
                return None
            if self._small is not None and self._small.source == stream and not self._moved(self._small):
                return self._small
            await self._end()
            return await self._open_own(stream) or await self._open_encoded(stream)

    async def end_unless(self, wanted: Callable[[], bool]) -> None:
        """Nobody asks for it any more, if so: somebody may have come meanwhile."""
        async with self._lock:
            if not wanted():
                await self._end()

    def _moved(self, small: Own | Small) -> bool:
        """It is the IP camera's own, but of settings before."""
        return getattr(small, "camera", self._own) != self._own

    async def _open_own(self, stream: Stream) -> Own | Small | None:
        if self._own is None or time.monotonic() < self._own_not_before_s:
            return None
        gst_own = await asyncio.to_thread(importlib.import_module, "ucam_agent.gst_own")
        return await self._opened(gst_own.Own(stream, self._own, self._on_frame, self._own_gave_up), self._no_own)

    async def _open_encoded(self, stream: Stream) -> Own | Small | None:
        if self._refused:
            return None
        gst_small = await asyncio.to_thread(importlib.import_module, "ucam_agent.gst_small")
        try:
            small = gst_small.Small(stream, self._on_frame, self._frames.ask_keyframe, self._encoder_gave_up)
        except AgentError as error:
            self._no_encoded(error.message)
            return None
        return await self._opened(small, self._no_encoded)

    async def _opened(self, small: Own | Small, refused: Callable[[str], None]) -> Own | Small | None:
        self._small = small
        try:
            await small.open()
        except (AgentError, TimeoutError) as error:
            refused(str(error) or "There was no picture in time.")
            await self._end()
            return None
        return small

    def _no_own(self, words: str) -> None:
        self._own_not_before_s = time.monotonic() + OWN_RETRY_S
        log.warning("The IP camera's own small stream cannot be had, one is encoded here: %s", words)

    def _no_encoded(self, words: str) -> None:
        self._refused = True
        log.warning("There is no small stream, viewers get the large one: %s", words)

    def _own_gave_up(self, words: str) -> None:
        self._no_own(words)
        self._gave_up(say("The camera's small picture has ended; call again."))

    def _encoder_gave_up(self) -> None:
        """It takes more than this device has: those who watch call again, and get the large one."""
        self._refused = True
        self._gave_up(say("This camera cannot make a small picture in time; call again for the large one."))

    async def _end(self) -> None:
        small, self._small = self._small, None
        if small is not None:
            await small.close()
