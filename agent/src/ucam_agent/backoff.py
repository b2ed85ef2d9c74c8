"""Waiting times between attempts: capped, jittered, growing."""

from __future__ import annotations

import random


class Backoff:
    """Seconds to wait before the next attempt: doubles from `first_s` to `most_s`, jittered to 50..100 %."""

    def __init__(self, first_s: float = 1.0, most_s: float = 30.0) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._next_s = first_s
        self.attempts = 0

    def delay_s(self) -> float:
        """The next waiting time."""
        whole = self._next_s
        self._next_s = min(whole * 2, self._most_s)
        self.attempts += 1
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        """It worked: begin at `first_s` again."""
        self._next_s = self._first_s
        self.attempts = 0
