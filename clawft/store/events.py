"""Events at rest: the last thousand frames of each topic, for readers who come back."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from clawft.domain.events import Frame
from clawft.runtime import Reply
from clawft.store.columns import moment_text
from clawft.store.database import connection
from clawft.store.statements import insert_statement
from clawft.store.store import Store
from clawft.store.tables import EventRow

KEPT = 1_000
"""Frames kept of each topic, at least."""
BATCH = 100
"""Each time a topic's numbers pass a multiple of this, what has become too old is deleted."""

_ADD = insert_statement(EventRow)
_FORGET_OLD = "DELETE FROM events WHERE topic = ? AND seq <= ?"
_LAST = "SELECT max(seq) FROM events WHERE topic = ?"
_SINCE = "SELECT topic, body, seq FROM events WHERE topic = ? AND seq > ? ORDER BY seq LIMIT ?"

# Hops from topic to topic in the index; GROUP BY would read every row.
_ALL_LAST = """
    WITH RECURSIVE topics (name) AS (
        SELECT min(topic) FROM events
        UNION ALL
        SELECT (SELECT min(topic) FROM events WHERE topic > name) FROM topics WHERE name IS NOT NULL)
    SELECT name, (SELECT max(seq) FROM events WHERE topic = name) FROM topics WHERE name IS NOT NULL"""


class EventStore:
    """Frames by topic and number. Numbers are the caller's: ``last`` says where to go on after a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, frames: Sequence[Frame], at: datetime) -> Reply[None]:
        """Keep numbered frames, all or none, and forget those that are too old."""
        return self._store.write(lambda: _append(frames, moment_text(at)))

    def last(self) -> Reply[dict[str, int]]:
        """The highest number of every topic that has frames."""
        return self._store.read(_all_last)

    def last_of(self, topic: str) -> Reply[int]:
        """The topic's highest number; 0 when it has no frames."""
        return self._store.read(lambda: _last_of(topic))

    def since(self, topic: str, seq: int, limit: int = KEPT) -> Reply[tuple[Frame, ...]]:
        """What is kept of the frames after ``seq``, oldest first; what is not kept is simply not there."""
        return self._store.read(lambda: _since(topic, seq, limit))

    def forget(self, topics: Iterable[str]) -> Reply[None]:
        """Forget topics that will never be used again; their numbers would begin anew."""
        gone = [(topic,) for topic in topics]
        return self._store.write(lambda: _forget(gone))


def _append(frames: Sequence[Frame], at: str) -> None:
    raw = connection()
    raw.executemany(_ADD, [(frame.topic, frame.seq, frame.body, at) for frame in frames])
    for frame in frames:
        if frame.seq is not None and frame.seq % BATCH == 0:
            raw.execute(_FORGET_OLD, (frame.topic, frame.seq - KEPT))


def _all_last() -> dict[str, int]:
    rows: Iterable[tuple[str, int]] = connection().execute(_ALL_LAST)
    return dict(rows)


def _last_of(topic: str) -> int:
    row: tuple[Any, ...] = connection().execute(_LAST, (topic,)).fetchone()
    return row[0] or 0


def _since(topic: str, seq: int, limit: int) -> tuple[Frame, ...]:
    return tuple(Frame(*row) for row in connection().execute(_SINCE, (topic, seq, limit)))


def _forget(topics: Sequence[tuple[str]]) -> None:
    connection().executemany("DELETE FROM events WHERE topic = ?", topics)
