"""Retention: what is old enough is deleted, a little at a time, and the file is given back what it took."""

from datetime import datetime, timedelta

from clawft.domain.config import RetentionConfig
from clawft.runtime import Reply
from clawft.store.columns import moment_text
from clawft.store.database import connection
from clawft.store.store import Store

BATCH = 500
"""Rows of one transaction: about 10 ms, so that others hardly wait."""
PAGES = 500
"""Pages given back at once, of 4 KiB."""

_RULES: tuple[tuple[str, str], ...] = (
    # What is old by which member of the config. Sessions first: the rest of them goes along.
    (
        "messages",
        "DELETE FROM sessions WHERE key IN (SELECT key FROM sessions WHERE updated_at < :before"
        " AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.session_key = sessions.key AND ended_at IS NULL)"
        " LIMIT 20)",
    ),
    (
        "steps",
        "DELETE FROM steps WHERE rowid IN (SELECT steps.rowid FROM steps"
        " JOIN turns ON turns.id = steps.turn_id WHERE turns.ended_at < :before LIMIT :most)",
    ),
    (
        "runs",
        "DELETE FROM runs WHERE rowid IN (SELECT rowid FROM runs WHERE timestamp < :before LIMIT :most)",
    ),
    (
        "runs",
        "DELETE FROM cron_runs WHERE rowid IN"
        " (SELECT rowid FROM cron_runs WHERE ended_at < :before LIMIT :most)",
    ),
    (
        "events",
        # The newest of a topic says where its numbers go on, so it stays.
        "DELETE FROM events WHERE rowid IN (SELECT rowid FROM events AS old WHERE at < :before AND seq <"
        " (SELECT max(seq) FROM events WHERE topic = old.topic) LIMIT :most)",
    ),
    (
        "outbox",
        "DELETE FROM outbox WHERE rowid IN (SELECT rowid FROM outbox WHERE updated_at < :before"
        " AND state IN ('sent', 'failed') LIMIT :most)",
    ),
    (
        "approvals",
        "DELETE FROM approvals WHERE id IN (SELECT id FROM approvals WHERE created_at < :before"
        " AND state NOT IN ('open', 'approved') LIMIT :most)",
    ),
    (
        "delegations",
        "DELETE FROM delegations WHERE rowid IN (SELECT rowid FROM delegations WHERE completed_at < :before"
        " AND told LIMIT :most)",
    ),
)


class RetentionStore:
    """Deletes what is too old."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def forget(self, rules: RetentionConfig, now: datetime) -> Reply[int]:
        """One small step; how many rows went. 0: nothing is too old."""
        return self._store.write(lambda: _forget(rules, now))

    def give_back(self) -> Reply[int]:
        """Give pages that hold nothing back to the file system; how many are left."""
        return self._store.write(_give_back)


def _forget(rules: RetentionConfig, now: datetime) -> int:
    for member, statement in _RULES:
        days = getattr(rules, member)
        if not days:
            continue
        given = {"before": moment_text(now - timedelta(days=days)), "most": BATCH}
        gone = connection().execute(statement, given).rowcount
        if gone:
            return gone
    return 0


def _give_back() -> int:
    raw = connection()
    if raw.execute("PRAGMA auto_vacuum").fetchone()[0] != 2:
        return 0  # a file that was made without it keeps its size, and uses the pages again
    for _ in range(PAGES):
        raw.execute("PRAGMA incremental_vacuum(1)")  # more than one at once, and sqlite3 does only the first
    return int(raw.execute("PRAGMA freelist_count").fetchone()[0])
