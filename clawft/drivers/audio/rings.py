"""Rings of sound between a callback of PortAudio and the thread that works: one writes, the other reads.

No lock is taken: each index belongs to one side. What the reader does not fetch in time is overwritten and
counted.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
FADE = 0.005
"""Seconds in which the speaker falls silent or comes back: shorter clicks, longer is late."""


class Ring:
    """Of 32-bit floats, mono."""

    def __init__(self, size: int) -> None:
        self._data: Samples = np.zeros(size, np.float32)
        self._size = size
        self.written = 0
        self.read = 0
        self.dropped = 0
        """Samples that were overwritten before they were read."""

    def put(self, samples: Any) -> None:
        """From the callback: copies, and moves one index."""
        count = len(samples)
        at = self.written % self._size
        first = min(count, self._size - at)
        self._data[at : at + first] = samples[:first]
        if first < count:
            self._data[: count - first] = samples[first:]
        self.written += count

    @property
    def waiting(self) -> int:
        return self.written - self.read

    def take(self) -> Samples:
        """All that has come since."""
        end = self.written
        if (lost := end - self.read - self._size) > 0:
            self.dropped += lost
            self.read += lost
        start, count = self.read % self._size, end - self.read
        first = min(count, self._size - start)
        taken = np.concatenate((self._data[start : start + first], self._data[: count - first]))
        self.read = end
        return taken


class PlayRing(Ring):
    """What is to be played. ``hush`` fades it out and holds the rest; then ``resume`` or ``forget`` it."""

    def __init__(self, size: int, rate: int) -> None:
        super().__init__(size)
        self._ramp: Samples = np.linspace(1.0, 0.0, int(rate * FADE), dtype=np.float32)
        self._held = False
        self._fades = 0
        """1: out, -1: in; the next block does it."""

    @property
    def room(self) -> int:
        return self._size - self.waiting

    def hush(self) -> None:
        if not self._held:
            self._fades, self._held = 1, True

    def resume(self) -> None:
        if self._held:
            self._fades, self._held = -1, False

    def forget(self) -> None:
        """Fade out, and play nothing of what waits."""
        self.hush()
        self._drop_to = self.written

    _drop_to = 0

    def fill(self, out: Any) -> None:
        """From the callback: the next block, or silence."""
        fades, self._fades = self._fades, 0
        if self._held and fades != 1:
            out[:] = 0.0
            if self._drop_to:
                self._let_go()
            return
        count = min(len(out), self.waiting)
        start = self.read % self._size
        first = min(count, self._size - start)
        out[:first] = self._data[start : start + first]
        out[first:count] = self._data[: count - first]
        out[count:] = 0.0
        played = count
        if fades:
            played = self._fade(out, fades, count)
        self.read += played

    def _fade(self, out: Any, fades: int, count: int) -> int:
        length = min(len(self._ramp), len(out))
        if fades == -1:
            out[:length] *= self._ramp[:length][::-1]
            return count
        out[:length] *= self._ramp[:length]
        out[length:] = 0.0
        return min(count, length)

    def _let_go(self) -> None:
        self.read, self._drop_to = max(self.read, self._drop_to), 0
        self._held = False
