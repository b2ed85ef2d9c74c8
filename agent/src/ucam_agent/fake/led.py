"""A light that remembers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..lights.led import LedFailed


@dataclass(frozen=True, slots=True)
class Edge:
    """A light went on or off; `at_s` on the clock it was made with."""

    at_s: float
    lit: bool


class FakeLed:
    """Nothing but memory. `broken`: from now on it cannot be switched."""

    def __init__(self, name: str = "fake", clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self.lit, self.closed, self.broken = name, False, False, False
        self.edges: list[Edge] = []
        self._clock = clock

    def light(self, lit: bool) -> None:
        if self.closed:
            raise LedFailed(f"The light {self.name} was given back already.")
        if self.broken:
            raise LedFailed(f"The light {self.name} cannot be switched: it is broken.")
        self._become(lit)

    def close(self) -> None:
        self._become(False)
        self.closed = True

    def _become(self, lit: bool) -> None:
        if lit != self.lit:
            self.lit = lit
            self.edges.append(Edge(self._clock(), lit))
