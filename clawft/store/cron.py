"""Cron jobs at rest, and the ledger of their runs."""

from datetime import datetime
from typing import cast

from clawft.domain.cron import CronJob, CronRun, JobStatus, RunState
from clawft.errors import NotFound
from clawft.runtime import Reply
from clawft.store.columns import column, given
from clawft.store.store import Store
from clawft.store.tables import CronJobRow, CronRunRow


class CronStore:
    """Jobs by id. A slot of a job is in the ledger at most once, whatever became of it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> Reply[tuple[CronJob, ...]]:
        """Every job, by name."""
        return self._store.read(
            lambda: tuple(_job(row) for row in CronJobRow.select().order_by(CronJobRow.name, CronJobRow.id))
        )

    def get(self, id: str) -> Reply[CronJob]:
        return self._store.read(lambda: _get(id))

    def create(self, job: CronJob, at: datetime) -> Reply[CronJob]:
        return self._store.write(lambda: _create(job, at))

    def edit(self, job: CronJob) -> Reply[CronJob]:
        """Keep what can be edited, and when it is due next. Status and runs stay as they are."""
        return self._store.write(lambda: _edit(job))

    def delete(self, id: str) -> Reply[None]:
        """Forget the job and its runs."""
        return self._store.write(lambda: _delete(id))

    def claim(self, id: str, slot: datetime, next_run: datetime | None, at: datetime) -> Reply[bool]:
        """Begin the run of a slot and move on to the next, in one transaction.

        False, and nothing begun, when the slot is in the ledger already or the job is gone.
        """
        return self._store.write(lambda: _claim(id, slot, next_run, at))

    def skip(self, id: str, slot: datetime, next_run: datetime | None, why: str) -> Reply[None]:
        """Record that a slot does not run, and move on to the next."""
        return self._store.write(lambda: _skip(id, slot, next_run, why))

    def finish(self, id: str, slot: datetime, state: RunState, at: datetime, detail: str) -> Reply[None]:
        """End a run. The job is ``failed`` from then on if the run did not succeed."""
        return self._store.write(lambda: _finish(id, slot, state, at, detail))

    def fail(self, id: str) -> Reply[None]:
        """Mark a job that can run no more."""
        return self._store.write(lambda: _fail(id))

    def interrupt_open(self, at: datetime) -> Reply[tuple[CronRun, ...]]:
        """Settle the runs that a host left open when it died; what they were."""
        return self._store.write(lambda: _interrupt_open(at))

    def runs(self, id: str, limit: int = 100) -> Reply[tuple[CronRun, ...]]:
        """The latest slots of a job, newest first."""
        return self._store.read(lambda: _runs(id, limit))


def _get(id: str) -> CronJob:
    row = CronJobRow.get_or_none(CronJobRow.id == id)
    if row is None:
        raise NotFound(f"no job has the id {id}")
    return _job(row)


def _create(job: CronJob, at: datetime) -> CronJob:
    CronJobRow.create(id=job.id, status=job.status, created_at=at, **_editable(job))
    return job


def _edit(job: CronJob) -> CronJob:
    CronJobRow.update(version=CronJobRow.version + 1, **_editable(job)).where(
        CronJobRow.id == job.id
    ).execute()
    return _get(job.id)


def _delete(id: str) -> None:
    CronJobRow.delete().where(CronJobRow.id == id).execute()


def _claim(id: str, slot: datetime, next_run: datetime | None, at: datetime) -> bool:
    if not _advance(id, next_run) or not _record(id, slot, "running", started_at=at):
        return False
    CronJobRow.update(status="running", last_run=at).where(CronJobRow.id == id).execute()
    return True


def _skip(id: str, slot: datetime, next_run: datetime | None, why: str) -> None:
    if _advance(id, next_run):
        _record(id, slot, "skipped", detail=why)


def _advance(id: str, next_run: datetime | None) -> bool:
    """False when the job is gone."""
    return bool(CronJobRow.update(next_run=next_run).where(CronJobRow.id == id).execute())


def _record(id: str, slot: datetime, state: RunState, **more: object) -> bool:
    """False when the slot is in the ledger already."""
    if CronRunRow.get_or_none((CronRunRow.job_id == id) & (CronRunRow.slot == slot)) is not None:
        return False
    CronRunRow.create(job_id=id, slot=slot, state=state, **more)
    return True


def _finish(id: str, slot: datetime, state: RunState, at: datetime, detail: str) -> None:
    CronRunRow.update(state=state, ended_at=at, detail=detail or None).where(
        (CronRunRow.job_id == id) & (CronRunRow.slot == slot)
    ).execute()
    CronJobRow.update(status="idle" if state == "done" else "failed").where(CronJobRow.id == id).execute()


def _fail(id: str) -> None:
    CronJobRow.update(status="failed").where(CronJobRow.id == id).execute()


def _interrupt_open(at: datetime) -> tuple[CronRun, ...]:
    left = tuple(_run(row) for row in CronRunRow.select().where(CronRunRow.state == "running"))
    for run in left:
        _finish(run.job_id, run.slot, "interrupted", at, "the host stopped while it ran")
    return left


def _runs(id: str, limit: int) -> tuple[CronRun, ...]:
    rows = CronRunRow.select().where(CronRunRow.job_id == id).order_by(CronRunRow.slot.desc()).limit(limit)
    return tuple(_run(row) for row in rows)


def _editable(job: CronJob) -> dict[str, object]:
    return {
        "name": job.name,
        "schedule": job.schedule,
        "timezone": job.timezone,
        "enabled": job.enabled,
        "payload": column(job.payload),
        "next_run": column(job.next_run),
    }


def _job(row: CronJobRow) -> CronJob:
    return CronJob(
        id=row.id,
        name=row.name,
        schedule=row.schedule,
        enabled=row.enabled,
        status=cast("JobStatus", row.status),
        timezone=row.timezone,
        last_run=given(row.last_run),
        next_run=given(row.next_run),
        payload=given(row.payload),
    )


def _run(row: CronRunRow) -> CronRun:
    return CronRun(
        job_id=row.job_id,
        slot=row.slot,
        state=cast("RunState", row.state),
        started_at=given(row.started_at),
        ended_at=given(row.ended_at),
        detail=given(row.detail),
    )
