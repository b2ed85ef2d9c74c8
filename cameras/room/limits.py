"""How often something may happen on one connection."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable


class Window:
    """At most `amount` within the last `seconds`; memory grows with the limit only."""

    def __init__(self, amount: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._amount, self._seconds, self._clock = amount, seconds, clock
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def allows(self, cost: int = 1) -> bool:
        """Count `cost` and say yes, or count nothing and say no."""
        now = self._clock()
        while self._spent and self._spent[0][0] <= now - self._seconds:
            self._sum -= self._spent.popleft()[1]
        if self._sum + cost > self._amount:
            return False
        self._spent.append((now, cost))
        self._sum += cost
        return True
