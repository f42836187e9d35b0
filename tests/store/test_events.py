"""Frames at rest."""

import sqlite3

import pytest

from clawft.domain.events import Frame
from clawft.store import Store
from clawft.store.events import BATCH, KEPT, EventStore
from tests.store.conftest import NOW

WAIT = 10.0


@pytest.fixture
def events(store: Store) -> EventStore:
    return EventStore(store)


def frames(topic: str, first: int, last: int) -> list[Frame]:
    return [Frame(topic, f'{{"seq":{seq}}}'.encode(), seq) for seq in range(first, last + 1)]


def test_frames_come_back_byte_for_byte_after_a_number(events: EventStore) -> None:
    events.append(frames("chat:message", 1, 5), NOW).get(timeout=WAIT)
    assert events.since("chat:message", 3).get(timeout=WAIT) == tuple(frames("chat:message", 4, 5))
    assert events.since("chat:message", 5).get(timeout=WAIT) == ()
    assert events.since("agent:status", 0).get(timeout=WAIT) == ()
    assert events.since("chat:message", 0, limit=2).get(timeout=WAIT) == tuple(frames("chat:message", 1, 2))


def test_the_last_number_of_every_topic_is_known(events: EventStore) -> None:
    assert events.last().get(timeout=WAIT) == {}
    events.append([*frames("a", 1, 3), *frames("sessions:sess-1", 1, 7), *frames("b", 1, 1)], NOW).get(
        timeout=WAIT
    )
    assert events.last().get(timeout=WAIT) == {"a": 3, "b": 1, "sessions:sess-1": 7}
    assert events.last_of("sessions:sess-1").get(timeout=WAIT) == 7
    assert events.last_of("unknown").get(timeout=WAIT) == 0


def test_frames_are_kept_all_or_none(events: EventStore) -> None:
    events.append(frames("a", 1, 1), NOW).get(timeout=WAIT)
    with pytest.raises(sqlite3.IntegrityError):
        events.append([*frames("b", 1, 2), *frames("a", 1, 1)], NOW).get(timeout=WAIT)
    assert events.last().get(timeout=WAIT) == {"a": 1}


def test_old_frames_are_forgotten_and_a_thousand_are_kept(events: EventStore) -> None:
    events.append(frames("quiet", 1, 3), NOW).get(timeout=WAIT)
    for first in range(1, 2 * KEPT + 51, 10):
        events.append(frames("busy", first, first + 9), NOW).get(timeout=WAIT)
    kept = events.since("busy", 0, limit=10 * KEPT).get(timeout=WAIT)
    assert kept[-1].seq == 2 * KEPT + 60 - 10
    assert KEPT <= len(kept) < KEPT + BATCH
    assert len(events.since("quiet", 0).get(timeout=WAIT)) == 3


def test_a_forgotten_topic_begins_anew(events: EventStore) -> None:
    events.append([*frames("a", 1, 3), *frames("b", 1, 2)], NOW).get(timeout=WAIT)
    events.forget(["a"]).get(timeout=WAIT)
    assert events.last().get(timeout=WAIT) == {"b": 2}
