"""The store of outcomes: one row for each kind of request and model."""

from clawft.domain.outcomes import Outcome
from clawft.domain.routing import Kind
from clawft.runtime import Reply
from clawft.store.database import connection
from clawft.store.store import Store
from clawft.store.tables import OutcomeRow

_COUNT = """
    INSERT INTO outcomes (kind, model, tries, successes, latency_ms) VALUES (?, ?, 1, ?, ?)
    ON CONFLICT (kind, model) DO UPDATE SET tries = tries + 1, successes = successes + excluded.successes,
    latency_ms = latency_ms + excluded.latency_ms"""


class OutcomeStore:
    """Keeps how models did. Tries are added up in the row itself, so none is lost between two turns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, kind: Kind, model: str, *, good: bool, latency_ms: int) -> Reply[None]:
        """Count one try."""
        return self._store.write(lambda: _record(kind, model, good, latency_ms))

    def list(self) -> Reply[tuple[Outcome, ...]]:
        """Every outcome, by kind and model."""
        return self._store.read(_list)

    def of(self, kind: Kind) -> Reply[tuple[Outcome, ...]]:
        """How each model did with one kind of request."""
        return self._store.read(lambda: _of(kind))


def _record(kind: Kind, model: str, good: bool, latency_ms: int) -> None:
    connection().execute(_COUNT, (kind, model, int(good), latency_ms))


def _of(kind: Kind) -> tuple[Outcome, ...]:
    rows = OutcomeRow.select().where(OutcomeRow.kind == kind)
    return tuple(Outcome(row.kind, row.model, row.tries, row.successes, row.latency_ms) for row in rows)


def _list() -> tuple[Outcome, ...]:
    rows = OutcomeRow.select().order_by(OutcomeRow.kind, OutcomeRow.model)
    return tuple(Outcome(row.kind, row.model, row.tries, row.successes, row.latency_ms) for row in rows)
