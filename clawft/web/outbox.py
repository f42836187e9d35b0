"""What waits to be sent to one client: bounded, in order, and honest about what had to be left out."""

import time
from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterable

from clawft.web.limits import KIB, Limits

Send = Callable[[bytes], "Future[None] | None"]
"""Gives bytes to the client's stream. None: the kernel has them all; else a future, done when it has."""

_AT_ONCE = 64 * KIB
"""Bytes handed to the stream at once: it copies them, while the queue points at what all clients share."""


def _nowhere(_: bytes) -> None:
    """The way to a client that has gone."""


class _Waiting:
    """One framed message in the queue."""

    __slots__ = ("data", "topic")

    def __init__(self, topic: str, data: bytes) -> None:
        self.topic = topic
        self.data = data


class Outbox:
    """The one writer of a client.

    Nothing is left out in silence: when the client is too slow for the queue, further frames are counted
    instead, and once it has read what was queued it is told how many of which topic it missed. ``is_stuck``
    says that it does not catch up. Where only the newest state counts, a newer frame takes the older's place.
    """

    def __init__(
        self,
        send: Send,
        lagged: Callable[[str, int], bytes],
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._lagged = lagged
        self._limits = limits
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._newest: dict[str, _Waiting] = {}
        self._dropped: dict[str, int] = {}
        self._flying = 0
        self._queued = 0
        self._flying_since = 0.0
        self._behind_since = 0.0
        self._closed = False

    @property
    def size(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._queued + self._flying

    @property
    def dropped(self) -> int:
        """Frames left out that the client has not been told of yet."""
        return sum(self._dropped.values())

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, topic: str, data: bytes, newest_wins: bool = False) -> None:
        """Send now if the client takes it, else when it does."""
        if not self._flying and not self._queue:
            if not self._closed and (pending := self._send(data)) is not None:
                self._fly(data, pending)
        elif newest_wins and topic in self._newest:
            self._replace(topic, data)
        elif self._dropped or self._is_full(len(data)):
            self.drop(topic)
        else:
            self._append(topic, data, newest_wins)

    def put_all(self, topic: str, parts: Iterable[bytes]) -> None:
        """Send what one client asked for. Only bytes are bounded: a replay may be longer than the queue."""
        for data in parts:
            if not self._flying and not self._queue:
                self._write(data)
            elif self._dropped or self.size + len(data) > self._limits.queue_bytes:
                self.drop(topic)
            else:
                self._append(topic, data, newest_wins=False)

    def is_stuck(self) -> bool:
        """Whether the client has taken nothing, or has been behind, for longer than our patience."""
        longest = self._clock() - self._limits.patience
        return bool(
            (self._flying and self._flying_since < longest)
            or (self._dropped and self._behind_since < longest)
        )

    def close(self) -> None:
        """Forget what waits, and the way to the client; nothing more is sent."""
        self._closed = True
        self._send = _nowhere
        self._queue.clear()
        self._newest.clear()
        self._queued = self._flying = 0

    def _is_full(self, more: int) -> bool:
        return len(self._queue) >= self._limits.queue_frames or self.size + more > self._limits.queue_bytes

    def drop(self, topic: str) -> None:
        """Count a frame of this topic as left out."""
        if not self._dropped:
            self._behind_since = self._clock()
        self._dropped[topic] = self._dropped.get(topic, 0) + 1

    def _append(self, topic: str, data: bytes, newest_wins: bool) -> None:
        waiting = _Waiting(topic, data)
        self._queue.append(waiting)
        self._queued += len(data)
        if newest_wins:
            self._newest[topic] = waiting

    def _replace(self, topic: str, data: bytes) -> None:
        waiting = self._newest[topic]
        self._queued += len(data) - len(waiting.data)
        waiting.data = data

    def _write(self, data: bytes) -> None:
        if self._closed:
            return
        pending = self._send(data)
        if pending is not None:
            self._fly(data, pending)

    def _fly(self, data: bytes, pending: "Future[None]") -> None:
        self._flying = len(data)
        self._flying_since = self._clock()
        pending.add_done_callback(self._written)

    def _written(self, pending: "Future[None]") -> None:
        if self._closed or pending.cancelled() or pending.exception() is not None:
            return
        self._flying = 0
        while not self._flying and (self._queue or self._dropped):
            self._write(self._take() if self._queue else self._confess())

    def _take(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while self._queue and (not parts or size + len(self._queue[0].data) <= _AT_ONCE):
            waiting = self._queue.popleft()
            if self._newest.get(waiting.topic) is waiting:
                del self._newest[waiting.topic]
            parts.append(waiting.data)
            size += len(waiting.data)
        self._queued -= size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _confess(self) -> bytes:
        parts = [self._lagged(topic, count) for topic, count in self._dropped.items()]
        self._dropped.clear()
        return b"".join(parts)
