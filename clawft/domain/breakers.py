"""Breakers: when a provider that fails again and again is left alone for a while. Time is passed in."""

from typing import Literal

FAILURES = 5
"""Failures in a row that open it."""
FIRST_REST, LONGEST_REST = 15.0, 120.0
"""Seconds nobody asks after it opened; twice as long each time the one try after that fails too."""

BreakerState = Literal["closed", "open", "trying"]


class Breaker:
    """Closed: all may ask. Open: nobody. After its rest one may try, and what comes of that decides."""

    def __init__(self) -> None:
        self.failures = 0
        self._rest = FIRST_REST
        self._until = 0.0
        self.state: BreakerState = "closed"

    def shut(self, now: float) -> float:
        """Seconds in which nobody may ask; 0.0: whoever asks this may ask, and must tell what came of it."""
        if self.state == "closed":
            return 0.0
        if self.state == "trying":
            return max(1.0, self._until - now)
        if now < self._until:
            return self._until - now
        self.state, self._until = "trying", now + self._rest
        return 0.0

    def rest(self, now: float) -> float:
        """Seconds it stays shut; nothing is changed by asking."""
        return 0.0 if self.state == "closed" else max(0.0, self._until - now)

    def worked(self) -> None:
        self.failures, self._rest, self.state = 0, FIRST_REST, "closed"

    def failed(self, now: float) -> None:
        self.failures += 1
        if self.state == "trying":
            self._rest = min(self._rest * 2, LONGEST_REST)
        if self.state == "trying" or self.failures >= FAILURES:
            self.state, self._until = "open", now + self._rest

    def gave_up(self, now: float) -> None:
        """Whoever tried was cut off before anything came of it: another may try."""
        if self.state == "trying":
            self.state, self._until = "open", now
