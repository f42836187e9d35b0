"""The store of outcomes: one row for each kind of request and model."""

from clawft.domain.outcomes import Outcome
from clawft.domain.routing import Kind
from clawft.runtime import Reply
from clawft.store.store import Store
from clawft.store.tables import OutcomeRow


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
    OutcomeRow.insert(
        kind=kind, model=model, tries=1, successes=int(good), latency_ms=latency_ms
    ).on_conflict(
        conflict_target=[OutcomeRow.kind, OutcomeRow.model],
        update={
            OutcomeRow.tries: OutcomeRow.tries + 1,
            OutcomeRow.successes: OutcomeRow.successes + int(good),
            OutcomeRow.latency_ms: OutcomeRow.latency_ms + latency_ms,
        },
    ).execute()


def _of(kind: Kind) -> tuple[Outcome, ...]:
    rows = OutcomeRow.select().where(OutcomeRow.kind == kind)
    return tuple(Outcome(row.kind, row.model, row.tries, row.successes, row.latency_ms) for row in rows)


def _list() -> tuple[Outcome, ...]:
    rows = OutcomeRow.select().order_by(OutcomeRow.kind, OutcomeRow.model)
    return tuple(Outcome(row.kind, row.model, row.tries, row.successes, row.latency_ms) for row in rows)
