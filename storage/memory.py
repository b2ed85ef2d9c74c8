"""What one process remembers of cameras that ship just now, so that it does not ask the database at each fragment.

Nothing in it is believed: the one UPDATE that confirms a fragment says again what was remembered (the chunk's bytes
and state, a token that is not revoked), and the file must be as long as it was left. A new `Memory()` knows nothing.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from datetime import date
from typing import TypeVar

from accounts.models import digest
from cameras.models import Camera, DeviceToken
from storage.models import Chunk, Installation, Total

CAMERAS_MAX = 2000
HOLDER_S = 60.0  # names of a camera may be this old
Name = tuple[int, str, int]
K = TypeVar("K")
V = TypeVar("V")


class Memory:
    """Bounded; may be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: OrderedDict[str, tuple[float, DeviceToken]] = OrderedDict()
        self._chunks: OrderedDict[Name, Chunk] = OrderedDict()
        self._arrived: OrderedDict[int, tuple[date, int]] = OrderedDict()
        self._installation: Installation | None = None

    def holder(self, token: str) -> DeviceToken | None:
        """The row of a device token, its camera loaded."""
        key = digest(token)
        with self._lock:
            at_s, row = self._holders.get(key, (0.0, None))
        if row is not None and time.monotonic() - at_s < HOLDER_S:
            return row
        found = DeviceToken.objects.holder(token)
        if found is not None:
            self._put(self._holders, key, (time.monotonic(), found))
        return found

    def forget_holder(self, token: str) -> None:
        """It was revoked meanwhile."""
        with self._lock:
            self._holders.pop(digest(token), None)

    def take_chunk(self, camera: Camera, boot: str, seq: int, offset: int) -> Chunk | None:
        """The growing chunk if it is known to have so many bytes; it is the caller's until it is kept again."""
        with self._lock:
            chunk = self._chunks.pop((camera.pk, boot, seq), None)
        return chunk if chunk is not None and chunk.bytes == offset else None

    def keep_chunk(self, chunk: Chunk) -> None:
        """As the database has it now."""
        if chunk.state == Chunk.State.OPEN and chunk.moved_at is None:
            self._put(self._chunks, (chunk.camera_id, chunk.boot, chunk.seq), chunk)

    def arrived_on(self, camera: Camera, day: date) -> int:
        """Bytes that came from the camera on that day."""
        with self._lock:
            known = self._arrived.get(camera.pk)
        return known[1] if known and known[0] == day else Total.objects.arrived_on(camera.pk, day)

    def keep_arrived(self, camera_id: int, day: date, count: int) -> None:
        """As the database has it now."""
        self._put(self._arrived, camera_id, (day, count))

    def installation(self) -> Installation:
        """Its row; its id never changes."""
        known = self._installation
        if known is None or known.marked_at is None:
            known = self._installation = Installation.objects.this()
        return known

    def forget_installation(self) -> None:
        """Another disk may have been adopted."""
        self._installation = None

    def _put(self, into: OrderedDict[K, V], key: K, value: V) -> None:
        with self._lock:
            into[key] = value
            into.move_to_end(key)
            while len(into) > CAMERAS_MAX:
                into.popitem(last=False)
