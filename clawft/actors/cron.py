"""The one who keeps the jobs: one actor each, and one tick for all."""

import logging

import schedule

from clawft.actors.clock import Clock, utc_now
from clawft.actors.job import Job, Troubled
from clawft.actors.new_key import new_key
from clawft.actors.publish import publish
from clawft.actors.ticker import steady
from clawft.actors.whole import whole
from clawft.domain.cron import CronJob, JobDetail, Preview, RunPage, detail, preview
from clawft.domain.events import CronRan
from clawft.domain.values import Success
from clawft.errors import NotFound
from clawft.messages.cron import (
    CreateJob,
    CronTrouble,
    DeleteJob,
    GetJob,
    ListJobRuns,
    ListJobs,
    PreviewSchedule,
    RunJob,
    Tick,
    UpdateJob,
)
from clawft.runtime import Actor, ChildFailed, Ref, Reply, Tell, on
from clawft.store.cron import CronStore

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two looks at what is due."""


class Beat(Tell, frozen=True):
    """The timer has gone round."""


class Cron(Actor):
    """Parent of ``cron/<id>``. What is listed is what is on the disk; looking changes nothing.

    ``tick=None``: nobody looks at the clock but who tells ``Tick``.
    """

    def __init__(self, *, store: CronStore, now: Clock = utc_now, tick: float | None = TICK) -> None:
        super().__init__()
        self._store = store
        self._now = now
        self._tick = tick
        self._scheduler = schedule.Scheduler()
        self._jobs: dict[str, Ref] = {}
        self._troubles: dict[str, str] = {}

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        cut_off = await self._store.runs.interrupt_open(self._now())
        jobs = {job.id: job for job in await self._store.all()}
        for run in cut_off:
            publish(self, CronRan(run.job_id, jobs[run.job_id].name, "interrupted", run.slot))
        for job in jobs.values():
            self._troubles[job.id] = job.trouble
            self._start_job(job.id)
        if self._tick is not None:
            steady(self._scheduler, self._tick, lambda: self.tick(Tick(self._now())))
            self.every(self._tick, Beat())

    @on(Beat)
    def beat(self, _: Beat) -> None:
        self._scheduler.run_pending()

    @on(Tick)
    def tick(self, note: Tick) -> None:
        for job in self._jobs.values():
            if job.is_alive():
                self.tell(job, note)

    @on(ChildFailed)
    def job_failed(self, note: ChildFailed) -> None:
        log.error(
            "the job %s has failed too often and rests until its actor is restarted: %r",
            note.path,
            note.error,
        )
        self._store.fail(note.path.rpartition("/")[2])

    @on(ListJobs)
    def all(self, _: ListJobs) -> Reply[tuple[CronJob, ...]]:
        return self._store.all()

    @on(GetJob)
    async def get(self, ask: GetJob) -> JobDetail:
        return detail(await self._store.get(ask.id), self._now())

    @on(PreviewSchedule)
    def preview(self, ask: PreviewSchedule) -> Preview:
        return preview(ask.schedule, ask.timezone, self._now())

    @on(ListJobRuns)
    def runs(self, ask: ListJobRuns) -> Reply[RunPage]:
        self._job(ask.id)
        return self._store.runs.page(ask.id, ask.limit, ask.offset)

    @on(Troubled)
    def troubled(self, note: Troubled) -> None:
        if note.id in self._jobs:
            self._troubles[note.id] = note.trouble

    @on(CronTrouble, control=True)
    def trouble(self, _: CronTrouble) -> tuple[str, ...]:
        return tuple(trouble for trouble in self._troubles.values() if trouble)

    @on(CreateJob)
    async def create(self, ask: CreateJob) -> CronJob:
        return await whole(self._create(ask))

    @on(UpdateJob)
    def update(self, ask: UpdateJob) -> Reply[CronJob]:
        return self.ask(self._job(ask.id), ask)

    @on(RunJob)
    def run_now(self, ask: RunJob) -> Reply[Success]:
        return self.ask(self._job(ask.id), ask)

    @on(DeleteJob)
    async def delete(self, ask: DeleteJob) -> Success:
        return await whole(self._delete(ask.id))

    async def _create(self, ask: CreateJob) -> CronJob:
        now = self._now()
        job = CronJob(
            id=new_key("cron"),
            name=ask.name,
            schedule=ask.schedule,
            enabled=ask.enabled,
            status="idle",
            timezone=ask.timezone,
            payload=ask.payload,
            policy=ask.policy,
        ).checked(now)
        created = await self._store.create(job, now)
        self._start_job(job.id)
        return created

    async def _delete(self, id: str) -> Success:
        job = self._job(id)
        await self._store.delete(id)
        job.halt(f"the job {id} was deleted")
        del self._jobs[id]
        self._troubles.pop(id, None)
        return Success()

    def _start_job(self, id: str) -> None:
        self._jobs[id] = self.spawn(Job, id, store=self._store, now=self._now)

    def _job(self, id: str) -> Ref:
        if id not in self._jobs:
            raise NotFound(f"no job has the id {id}")
        return self._jobs[id]
