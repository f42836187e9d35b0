"""Cron jobs at rest. Their runs are in ``cron_runs``."""

from datetime import datetime
from typing import cast

from clawft.domain.cron import CronJob, JobStatus
from clawft.errors import NotFound
from clawft.runtime import Reply
from clawft.store.columns import column, given
from clawft.store.cron_runs import CronRuns
from clawft.store.store import Store
from clawft.store.tables import CronJobRow


class CronStore:
    """Jobs by id. ``runs`` is the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.runs = CronRuns(store)

    def all(self) -> Reply[tuple[CronJob, ...]]:
        """Every job, by name."""
        return self._store.read(
            lambda: tuple(_job(row) for row in CronJobRow.select().order_by(CronJobRow.name, CronJobRow.id))
        )

    def get(self, id: str) -> Reply[CronJob]:
        return self._store.read(lambda: _get(id))

    def create(self, job: CronJob, at: datetime) -> Reply[CronJob]:
        return self._store.write(lambda: _create(job, at))

    def edit(self, before: CronJob, after: CronJob) -> Reply[CronJob]:
        """Keep what was changed, and only that: a run that ends meanwhile changes its job too."""
        return self._store.write(lambda: _edit(before, after))

    def delete(self, id: str) -> Reply[None]:
        """Forget the job and its runs."""
        return self._store.write(lambda: _delete(id))

    def fail(self, id: str) -> Reply[None]:
        """Mark a job that can run no more."""
        return self._store.write(lambda: _fail(id))


def _get(id: str) -> CronJob:
    row = CronJobRow.get_or_none(CronJobRow.id == id)
    if row is None:
        raise NotFound(f"no job has the id {id}")
    return _job(row)


def _create(job: CronJob, at: datetime) -> CronJob:
    CronJobRow.create(id=job.id, status=job.status, created_at=at, **_editable(job))
    return job


def _edit(before: CronJob, after: CronJob) -> CronJob:
    kept = _editable(before)
    changed = {name: value for name, value in _editable(after).items() if value != kept[name]}
    CronJobRow.update(version=CronJobRow.version + 1, **changed).where(CronJobRow.id == after.id).execute()
    return _get(after.id)


def _delete(id: str) -> None:
    CronJobRow.delete().where(CronJobRow.id == id).execute()


def _fail(id: str) -> None:
    CronJobRow.update(status="failed").where(CronJobRow.id == id).execute()


def _editable(job: CronJob) -> dict[str, object]:
    members = ("name", "schedule", "timezone", "enabled", "policy", "failures")
    optional = {name: column(getattr(job, name)) for name in ("payload", "next_run")}
    return {name: getattr(job, name) for name in members} | optional


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
        policy=row.policy,
        failures=row.failures,
    )
