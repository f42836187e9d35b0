"""Retention: what is old goes, what is not or must not stays, and the file gets smaller."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clawft.domain.config import RetentionConfig
from clawft.runtime import System
from clawft.store import Store
from clawft.store.columns import moment_text
from clawft.store.database import connection
from clawft.store.retention import BATCH, RetentionStore

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
OLD, NEW = moment_text(NOW - timedelta(days=100)), moment_text(NOW - timedelta(days=1))
WAIT = 20
RULES = RetentionConfig(messages=50, steps=50, runs=50, events=50, outbox=50, approvals=50, delegations=50)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    system = System("retention")
    made = Store.open(system, tmp_path)
    yield made
    made.close()


def fill(store: Store) -> None:
    def work() -> None:
        raw = connection()
        for key, at in (("old", OLD), ("new", NEW)):
            raw.execute(
                "INSERT INTO sessions"
                " (key, agent_id, created_at, updated_at, model, parent_key, depth, message_count)"
                " VALUES (?, 'a', ?, ?, '', '', 0, 1)",
                (key, at, at),
            )
            raw.execute(
                "INSERT INTO messages (session_key, seq, role, content, timestamp)"
                " VALUES (?, 1, 'user', 'x', ?)",
                (key, at),
            )
            for number in range(1, 4):
                raw.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (f"t:{key}", number, b"x" * 2000, at))
        rows = [("big", number, b"x" * 4000, OLD) for number in range(1, 3 * BATCH)]
        raw.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)

    store.write(work).get(timeout=WAIT)


def count(store: Store, table: str) -> int:
    return store.read(lambda: int(connection().execute(f"SELECT count(*) FROM {table}").fetchone()[0])).get(
        timeout=WAIT
    )


def forget_all(store: Store, rules: RetentionConfig) -> int:
    retention, gone = RetentionStore(store), 0
    while step := retention.forget(rules, NOW).get(timeout=WAIT):
        assert step <= BATCH
        gone += step
    return gone


def test_what_is_old_goes_in_small_steps_and_the_rest_stays(store: Store, tmp_path: Path) -> None:
    fill(store)
    assert forget_all(store, RULES) > 3 * BATCH - 10
    assert count(store, "sessions") == count(store, "messages") == 1
    # Of each topic the newest stays: its numbers go on from there.
    assert count(store, "events") == 1 + 3 + 1
    retention = RetentionStore(store)
    left = retention.give_back().get(timeout=WAIT)
    for _ in range(20):
        if not left:
            break
        left = retention.give_back().get(timeout=WAIT)
    assert left == 0
    store.close()
    assert (tmp_path / "clawft.db").stat().st_size < 1_500_000


def test_nought_keeps_for_ever(store: Store) -> None:
    fill(store)
    never = RetentionConfig(messages=0, steps=0, runs=0, events=0, outbox=0, approvals=0, delegations=0)
    assert forget_all(store, never) == 0


def test_a_new_file_can_give_pages_back(store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "clawft.db")) as raw:
        assert raw.execute("PRAGMA auto_vacuum").fetchone() == (2,)
