"""Steps at rest: what each turn did. Results are kept whole, and read by range."""

from collections.abc import Iterable
from typing import Any

import msgspec

from clawft.domain.costs import Usage
from clawft.domain.steps import Step
from clawft.domain.values import UNSET
from clawft.store.columns import column, given, json_text, moment_text
from clawft.store.database import connection
from clawft.store.tables import StepRow

_COLUMNS = (
    "number, kind, name, status, started_at, ended_at, call_id, effect, arguments, result, result_size,"
    " reason, error, tier, usage"
)
# A turn goes with its session; what it then still has to say has no place any more.
_PUT = f"""
    INSERT OR REPLACE INTO steps (turn_id, {_COLUMNS})
    SELECT ?1, {", ".join(f"?{number}" for number in range(2, 17))}
    WHERE EXISTS (SELECT 1 FROM turns WHERE id = ?1)"""  # noqa: S608 - our own names

_usage = msgspec.json.Decoder(Usage).decode


def put_steps(turn_id: str, steps: Iterable[Step]) -> None:
    """Inside a write: keep these steps, in the place of what was kept of them before."""
    connection().executemany(_PUT, [(turn_id, *_row(step)) for step in steps])


def steps_of(turn_id: str) -> tuple[Step, ...]:
    """Inside a read: every step of a turn, in order."""
    rows = StepRow.select().where(StepRow.turn_id == turn_id).order_by(StepRow.number)
    return tuple(_step(row) for row in rows)


def interrupt_steps(turn_id: str, at: str) -> None:
    """Inside a write: what ran when the host died did not end."""
    connection().execute(
        "UPDATE steps SET status = 'interrupted', reason = 'host_died', ended_at = ?"
        " WHERE turn_id = ? AND status = 'running'",
        (at, turn_id),
    )


def _row(step: Step) -> tuple[Any, ...]:
    when = (moment_text(step.started_at), None if step.ended_at is UNSET else moment_text(step.ended_at))
    said = (step.call_id, step.effect, step.arguments, step.result, step.result_size, step.reason, step.error)
    usage = None if step.usage is UNSET else json_text(step.usage)
    head = (step.number, step.kind, step.name, step.status)
    return (*head, *when, *map(column, said), column(step.tier), usage)


def _step(row: StepRow) -> Step:
    return Step(
        number=row.number,
        kind=row.kind,
        name=row.name,
        status=row.status,
        started_at=row.started_at,
        ended_at=given(row.ended_at),
        call_id=given(row.call_id),
        effect=given(row.effect),
        arguments=given(row.arguments),
        result=given(row.result),
        result_size=given(row.result_size),
        reason=given(row.reason),
        error=given(row.error),
        tier=given(row.tier),
        usage=UNSET if row.usage is None else _usage(row.usage),
    )
