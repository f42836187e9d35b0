"""The ledger of cron: what became of every slot of every job. A slot is in it at most once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from clawft.domain.cron import DISABLE_AFTER, MOST_ATTEMPTS, CronRun, Policy, RunEnd, RunPage, RunState
from clawft.domain.firing import Plan, Skip
from clawft.runtime import Reply
from clawft.store.columns import column, given, moment_text
from clawft.store.database import connection
from clawft.store.outbox import add_deliveries
from clawft.store.store import Store
from clawft.store.tables import CronJobRow, CronRunRow

_SPENT = """
    WITH RECURSIVE family (key) AS (
        SELECT ? UNION SELECT sessions.key FROM sessions JOIN family ON sessions.parent_key = family.key)
    SELECT sum(input_cost_usd + output_cost_usd) FROM usage
    WHERE at >= ? AND session_key IN (SELECT key FROM family)"""
_LAST_SAID = """
    SELECT timestamp FROM messages WHERE session_key = ? AND role = 'user' AND content != ?
    ORDER BY seq DESC LIMIT 1"""
_OPEN_LAST = """
    SELECT max(started_at) FROM cron_runs
    WHERE job_id = ? AND slot != ? AND state IN ('done', 'failed', 'interrupted')"""


class CronRuns:
    """Each method is one transaction; what it answers is on the disk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def take(self, id: str, plan: Plan, at: datetime) -> Reply[tuple[datetime, ...]]:
        """Write down what becomes of the slots that are due, and when the job is due next.

        The answer: the slots that are to run. One that was in the ledger before is not among them.
        """
        return self._store.write(lambda: _take(id, plan, at))

    def claim(self, id: str, slot: datetime, next_run: datetime | None, at: datetime) -> Reply[bool]:
        """Begin the run of a slot that was not due, in one transaction with the next due time.

        False, and nothing begun, when the slot is in the ledger already or the job is gone.
        """
        return self._store.write(lambda: _claim(id, slot, next_run, at))

    def begin(self, id: str, slot: datetime, at: datetime) -> Reply[bool]:
        """Begin a run that waits; False: it does not any more."""
        return self._store.write(lambda: _begin(id, slot, at))

    def waiting(self, id: str) -> Reply[tuple[datetime, ...]]:
        """The slots that wait for their run, oldest first."""
        return self._store.read(lambda: _waiting(id))

    def drop(self, id: str, slots: Iterable[datetime], why: str, at: datetime) -> Reply[None]:
        """Slots that wait are not run any more."""
        return self._store.write(lambda: _drop(id, tuple(slots), why, at))

    def finish(self, id: str, slot: datetime, end: RunEnd, at: datetime) -> Reply[int]:
        """End a run and queue what it has to deliver; the job is ``failed`` if the run did not succeed.

        The answer: how many runs in a row have failed now. The tenth has disabled the job.
        """
        return self._store.write(lambda: _finish(id, slot, end, at))

    def interrupt(self, id: str, slot: datetime, at: datetime, why: str) -> Reply[tuple[CronRun, ...]]:
        """A run was cut off: it is over, or waits to be begun again, as its job asks."""
        return self._store.write(lambda: _interrupt_all(at, why, id, slot))

    def interrupt_open(self, at: datetime) -> Reply[tuple[CronRun, ...]]:
        """Settle the runs that a host left open when it died; what they were."""
        return self._store.write(lambda: _interrupt_all(at, "the host stopped while it ran"))

    def is_ahead(self, id: str, now: datetime) -> Reply[bool]:
        """Whether the newest slot was decided later than now: the clock was set back since."""
        return self._store.read(lambda: _is_ahead(id, now))

    def rewind(
        self, id: str, next_runs: tuple[datetime, ...], now: datetime, since: datetime
    ) -> Reply[datetime | None]:
        """The clock was set back: slots after ``since`` that were skipped by the wrong clock are open again.

        The answer: when the job is due next, the first of these slots and of ``next_runs``.
        """
        return self._store.write(lambda: _rewind(id, next_runs, now, since))

    def page(self, id: str, limit: int = 100, offset: int = 0) -> Reply[RunPage]:
        """Runs of a job, the newest slot first."""
        return self._store.read(lambda: _page(id, limit, offset))

    def cost_since(self, id: str, since: datetime) -> Reply[float]:
        """Dollars that the runs begun since then have cost."""
        return self._store.read(lambda: _cost_since(id, since))

    def has_news(self, id: str, slot: datetime, session_key: str, own: str) -> Reply[bool]:
        """Whether anything but ``own`` was said in a session since the last run before this one."""
        return self._store.read(lambda: _has_news(id, slot, session_key, own))


def _of(id: str, slot: datetime) -> Any:
    return (CronRunRow.job_id == id) & (CronRunRow.slot == slot)


def _take(id: str, plan: Plan, at: datetime) -> tuple[datetime, ...]:
    if not _advance(id, column(plan.next_run)):
        return ()
    for skip in plan.skips:
        _skip(id, skip, at)
    return tuple(slot for slot in plan.runs if _record(id, slot, "queued"))


def _claim(id: str, slot: datetime, next_run: datetime | None, at: datetime) -> bool:
    return _advance(id, next_run) and _record(id, slot, "queued") and _begin(id, slot, at)


def _begin(id: str, slot: datetime, at: datetime) -> bool:
    begun = CronRunRow.update(state="running", started_at=at, ended_at=None, detail=None).where(
        _of(id, slot) & (CronRunRow.state == "queued")
    )
    if not begun.execute():
        return False
    CronJobRow.update(status="running", last_run=at).where(CronJobRow.id == id).execute()
    return True


def _waiting(id: str) -> tuple[datetime, ...]:
    rows = CronRunRow.select().where((CronRunRow.job_id == id) & (CronRunRow.state == "queued"))
    return tuple(row.slot for row in rows.order_by(CronRunRow.slot))


def _advance(id: str, next_run: datetime | None) -> bool:
    """False when the job is gone."""
    return bool(CronJobRow.update(next_run=next_run).where(CronJobRow.id == id).execute())


def _skip(id: str, skip: Skip, at: datetime) -> None:
    _record(id, skip.slot, "skipped", ended_at=at, detail=skip.why)


def _record(id: str, slot: datetime, state: RunState, **more: object) -> bool:
    """False when the slot is in the ledger already."""
    added = CronRunRow.insert(job_id=id, slot=slot, state=state, **more).on_conflict_ignore().as_rowcount()
    return bool(added.execute())


def _drop(id: str, slots: tuple[datetime, ...], why: str, at: datetime) -> None:
    for slot in slots:
        waits = _of(id, slot) & (CronRunRow.state == "queued")
        # One that was begun before has been interrupted, and that is what it stays.
        for state, begun in (("skipped", CronRunRow.attempt == 1), ("interrupted", CronRunRow.attempt > 1)):
            CronRunRow.update(state=state, ended_at=at, detail=why).where(waits & begun).execute()


def _finish(id: str, slot: datetime, end: RunEnd, at: datetime) -> int:
    row = CronRunRow.get_or_none(_of(id, slot))
    if row is None:  # the job was deleted meanwhile
        return 0
    cost = _spent(end.session_key, row.started_at) if end.session_key else None
    CronRunRow.update(state=end.state, ended_at=at, detail=end.detail or None, cost_usd=cost).where(
        _of(id, slot)
    ).execute()
    add_deliveries(end.deliveries)
    return _count(id, end.state)


def _count(id: str, state: RunState) -> int:
    """Keep what the end of a run means for its job; its failures in a row."""
    job = CronJobRow.id == id
    CronJobRow.update(status="idle" if state in ("done", "skipped") else "failed").where(job).execute()
    if state == "done":
        CronJobRow.update(failures=0).where(job).execute()
    elif state == "failed":
        CronJobRow.update(failures=CronJobRow.failures + 1).where(job).execute()
        CronJobRow.update(enabled=False, next_run=None).where(
            job & (CronJobRow.failures >= DISABLE_AFTER)
        ).execute()
    return int(CronJobRow.get(job).failures)


def _spent(session_key: str, since: datetime) -> float | None:
    """Dollars spent in a session and in those its turns delegated to; None: nothing was recorded."""
    (cost,) = connection().execute(_SPENT, (session_key, moment_text(since))).fetchone()
    return cast("float | None", cost)


def _interrupt_all(
    at: datetime, why: str, id: str | None = None, slot: datetime | None = None
) -> tuple[CronRun, ...]:
    """Of the runs under way, all or the one named."""
    rows = CronRunRow.select().where(CronRunRow.state == "running")
    if id is not None and slot is not None:
        rows = rows.where(_of(id, slot))
    left = tuple(_run(row) for row in rows)
    for run in left:
        _interrupt(run, at, why)
    return left


def _interrupt(run: CronRun, at: datetime, why: str) -> None:
    policy: Policy = CronJobRow.get(CronJobRow.id == run.job_id).policy
    again = policy.interrupted == "retry" and run.attempt < MOST_ATTEMPTS
    CronRunRow.update(
        state="queued" if again else "interrupted",
        attempt=run.attempt + again,
        ended_at=at,
        detail=f"{why}; it is begun again" if again else why,
    ).where(_of(run.job_id, run.slot)).execute()
    CronJobRow.update(status="failed").where(CronJobRow.id == run.job_id).execute()


def _is_ahead(id: str, now: datetime) -> bool:
    newest = CronRunRow.select().where(CronRunRow.job_id == id).order_by(CronRunRow.slot.desc()).first()
    return newest is not None and max(newest.slot, newest.ended_at or newest.slot) > now


def _rewind(id: str, next_runs: tuple[datetime, ...], now: datetime, since: datetime) -> datetime | None:
    by_wrong_clock = (CronRunRow.state == "skipped") & (CronRunRow.ended_at > now)
    wrong = by_wrong_clock & (CronRunRow.job_id == id) & (CronRunRow.slot > since)
    opened = tuple(row.slot for row in CronRunRow.select().where(wrong))
    CronRunRow.delete().where(wrong).execute()
    next_run: datetime | None = min(opened + next_runs, default=None)
    _advance(id, next_run)
    return next_run


def _page(id: str, limit: int, offset: int) -> RunPage:
    chosen = CronRunRow.select().where(CronRunRow.job_id == id)
    rows = chosen.order_by(CronRunRow.slot.desc()).offset(offset).limit(limit)
    return RunPage(tuple(_run(row) for row in rows), chosen.count(), limit, offset)


def _cost_since(id: str, since: datetime) -> float:
    (cost,) = (
        connection()
        .execute(
            "SELECT coalesce(sum(cost_usd), 0.0) FROM cron_runs WHERE job_id = ? AND started_at >= ?",
            (id, moment_text(since)),
        )
        .fetchone()
    )
    return float(cost)


def _has_news(id: str, slot: datetime, session_key: str, own: str) -> bool:
    raw = connection()
    said = raw.execute(_LAST_SAID, (session_key, own)).fetchone()
    (last,) = raw.execute(_OPEN_LAST, (id, moment_text(slot))).fetchone()
    return said is not None and (last is None or said[0] > last)


def _run(row: CronRunRow) -> CronRun:
    return CronRun(
        job_id=row.job_id,
        slot=row.slot,
        state=cast("RunState", row.state),
        started_at=given(row.started_at),
        ended_at=given(row.ended_at),
        detail=given(row.detail),
        attempt=row.attempt,
        cost_usd=given(row.cost_usd),
    )
