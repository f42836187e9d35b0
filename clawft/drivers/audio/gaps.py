"""Samples that never came: found by the clock, so that silence can be put in their place.

Measured with WebRTC's echo canceller: a jump of 100 ms in the microphone's stream costs it 43 s, the same
hole filled with zeros nothing.
"""

from collections import deque

LEAST = 0.015
"""Seconds; less may be jitter."""
WATCH = 8
"""Calls, 10 ms apart, over which a deficit must last: a late block is followed by its like at once."""
DRIFT = 0.002
"""Share of the difference by which the expectation follows, a call: clocks differ by up to 300 ppm."""


class Gaps:
    """Of one stream. Tell it how many samples have come by when."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._start: float | None = None
        self._expected = 0.0
        """The deficit that is normal."""
        self._recent: deque[float] = deque(maxlen=WATCH)
        self.filled = 0
        """Samples that were put in."""

    def missing(self, count: int, at: float) -> int:
        """How many samples to put in now. ``count``: that have come in all; ``at``: when the last did."""
        if self._start is None:
            self._start = at - count / self._rate
        deficit = (at - self._start) * self._rate - count - self.filled
        self._recent.append(deficit)
        lasting = min(self._recent) - self._expected
        if len(self._recent) == WATCH and lasting > LEAST * self._rate:
            self._recent.clear()
            self.filled += int(lasting)
            return int(lasting)
        self._follow(deficit)
        return 0

    def _follow(self, deficit: float) -> None:
        """No block comes before its time, so the smallest deficit is the normal one; clocks drift, slowly."""
        above = deficit - self._expected
        if above <= LEAST * self._rate:
            self._expected = deficit if above < 0 else self._expected + DRIFT * above
