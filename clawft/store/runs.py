"""Pipeline runs at rest: one for every turn that has ended."""

from datetime import datetime
from typing import Any

from clawft.domain.pipeline import PipelineRun
from clawft.domain.turns import Turn
from clawft.runtime import Reply
from clawft.store.columns import column, moment_text
from clawft.store.database import connection
from clawft.store.statements import insert_statement
from clawft.store.store import Store
from clawft.store.tables import RunRow

_ADD = insert_statement(
    RunRow,
    ("id", "session_key", "model", "complexity", "latency_ms", "status", "timestamp", "turn_id", "tier"),
)
_LIST = "SELECT id, session_key, model, complexity, latency_ms, status, timestamp FROM runs"
_NEWEST = " ORDER BY timestamp DESC, rowid DESC LIMIT ?"


class RunStore:
    """Runs are added by ``TurnStore.finish``, together with what else a turn leaves behind."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, limit: int = 100, session_key: str | None = None) -> Reply[tuple[PipelineRun, ...]]:
        """Runs of a session, or of all, newest first."""
        return self._store.read(lambda: _list(limit, session_key))


def add_run(run: PipelineRun, turn: Turn) -> None:
    """Inside a write: keep the run of a turn."""
    what = (run.id, run.session_key, run.model, run.complexity, run.latency_ms, run.status)
    connection().execute(_ADD, (*what, moment_text(run.timestamp), turn.id, column(turn.tier)))


def _list(limit: int, session_key: str | None) -> tuple[PipelineRun, ...]:
    raw = connection()
    if session_key is None:
        rows = raw.execute(_LIST + _NEWEST, (limit,))
    else:
        rows = raw.execute(f"{_LIST} WHERE session_key = ?{_NEWEST}", (session_key, limit))
    return tuple(_run(*row) for row in rows)


def _run(
    id: str, session_key: str, model: str, complexity: float, latency_ms: int, status: Any, timestamp: str
) -> PipelineRun:
    at = datetime.fromisoformat(timestamp)
    return PipelineRun(id, session_key, model, complexity, latency_ms, status, at)
