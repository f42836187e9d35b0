"""A rate: so much a second, some of it at once."""

import time
from collections.abc import Callable


class Rate:
    """A bucket that fills steadily and from which each event takes one."""

    def __init__(
        self, per_second: float, at_once: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._at_once = at_once
        self._clock = clock
        self._left = at_once
        self._at = clock()

    def take(self) -> float:
        """Take one. The answer is what is left; below zero: too fast, by so many."""
        now = self._clock()
        self._left = min(self._at_once, self._left + (now - self._at) * self._per_second) - 1
        self._at = now
        return self._left
