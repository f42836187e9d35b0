"""Dead letters: messages that no one handled. Counted, kept for a while, and can be sent again."""

import collections
import itertools
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

log = logging.getLogger(__name__)

SUMMARY = 200
"""Characters kept of a message's ``repr``."""


class Letter(msgspec.Struct, frozen=True):
    """One message, and why no one handled it."""

    id: int
    time: datetime
    path: str
    message: Any
    summary: str
    why: str

    @property
    def kind(self) -> str:
        return type(self.message).__name__


class DeadLetters:
    """The last ``keep`` of them, and the count of all. May be used from any thread."""

    def __init__(self, keep: int = 1000) -> None:
        self.count = 0
        self.listeners: list[Callable[[Letter], object]] = []
        self._ids = itertools.count(1)
        self._kept: collections.deque[Letter] = collections.deque(maxlen=keep)
        self._lock = threading.Lock()

    def add(self, path: str, message: Any, why: str) -> None:
        letter = Letter(next(self._ids), datetime.now(UTC), path, message, _summary(message), why)
        with self._lock:
            self.count += 1
            self._kept.append(letter)
        for listener in self.listeners:
            try:
                listener(letter)
            except Exception:
                log.exception("a listener to dead letters failed")

    def recent(self, limit: int = 100) -> tuple[Letter, ...]:
        """The newest first."""
        with self._lock:
            return tuple(itertools.islice(reversed(self._kept), limit))

    def take(self, id: int) -> Letter:
        """Remove and return one, to be sent again. Raises KeyError when it is not kept (any more)."""
        with self._lock:
            for letter in self._kept:
                if letter.id == id:
                    self._kept.remove(letter)
                    return letter
        raise KeyError(id)


def _summary(message: Any) -> str:
    try:
        return repr(message)[:SUMMARY]
    except Exception as error:
        return f"<{type(message).__name__} without a repr: {error!r}>"[:SUMMARY]
