"""One cron job."""

import asyncio
import logging
from datetime import datetime

import msgspec

from clawft.actors.clock import Clock
from clawft.actors.insist import NOT_NOW, insist
from clawft.actors.publish import publish
from clawft.actors.whole import whole
from clawft.domain.agents import DEFAULT_AGENT
from clawft.domain.cron import CronJob, Firing, RunState, Task, firing
from clawft.domain.events import CronRan
from clawft.domain.values import UNSET, Success, UnsetType
from clawft.errors import ClawftError, Conflict
from clawft.messages.cron import RunJob, Tick, UpdateJob
from clawft.messages.sessions import OpenSession, SendMessage
from clawft.runtime import Actor, on
from clawft.store.columns import column
from clawft.store.cron import CronStore

log = logging.getLogger(__name__)


class Job(Actor):
    """Knows when it is due, claims the slot in the ledger, and only then runs; one run at a time.

    The claim and the next due time are one transaction: a slot runs at most once, whatever dies in between.
    """

    def __init__(self, *, store: CronStore, now: Clock) -> None:
        super().__init__()
        self._store = store
        self._now = now
        self._run: asyncio.Task[None] | None = None

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        # From the store, because a restarted actor is made from what was true when it was first started.
        self._job = await self._store.get(self.name)

    @on(Tick)
    async def tick(self, note: Tick) -> None:
        due = firing(self._job, note.now)
        if due is None:
            return
        try:
            await whole(self._fire(due, note.now))
        except NOT_NOW as error:
            log.error(
                "the job %s is due and cannot be claimed, next try at the next tick: %s", self.name, error
            )

    @on(RunJob)
    async def run_now(self, _: RunJob) -> Success:
        if self._running:
            raise Conflict(f"the job {self._job.name!r} is running already")
        now = self._now()
        if not await whole(self._begin(now, self._job.next_run, now)):
            raise Conflict(f"the job {self._job.name!r} was run or deleted this very moment")
        return Success()

    @on(UpdateJob)
    async def update(self, ask: UpdateJob) -> CronJob:
        return await whole(self._edit(ask))

    async def _edit(self, ask: UpdateJob) -> CronJob:
        changed = ask.applied_to(self._job)
        same_time = all(
            getattr(changed, member) == getattr(self._job, member)
            for member in ("schedule", "timezone", "enabled")
        )
        # An edit that leaves the time alone must not lose a slot that is due this very moment.
        checked = changed.checked(self._now())
        job = msgspec.structs.replace(checked, next_run=self._job.next_run) if same_time else checked
        self._job = await self._store.edit(job)
        return self._job

    @property
    def _running(self) -> bool:
        return self._run is not None and not self._run.done()

    async def _fire(self, due: Firing, now: datetime) -> None:
        if due.missed is not None:
            await self._skip(due.missed, due, "nobody was there to run it, nor the ones after it, in time")
        if due.run is None:
            return
        if self._running:
            await self._skip(due.run, due, "the run before it was still under way")
            return
        await self._begin(due.run, due.next_run, now)

    async def _skip(self, slot: datetime, due: Firing, why: str) -> None:
        # The next due time moves on with the last slot only: a crash before that looks at this again.
        next_run = self._job.next_run if slot == due.missed and due.run is not None else due.next_run
        await self._store.skip(self.name, slot, column(next_run), why)
        self._job = msgspec.structs.replace(self._job, next_run=next_run)
        self._publish("skipped", slot, why)

    async def _begin(self, slot: datetime, next_run: datetime | UnsetType, now: datetime) -> bool:
        """False when the slot is in the ledger already, or the job is gone."""
        claimed = await self._store.claim(self.name, slot, column(next_run), now)
        self._job = msgspec.structs.replace(self._job, next_run=next_run)
        if claimed:
            self._publish("running", slot)
            self._run = self.background(self._perform(slot))
        return claimed

    async def _perform(self, slot: datetime) -> None:
        try:
            state, detail = await self._outcome()
        except asyncio.CancelledError:
            # With the host, or with the job. Nobody is left to wait for the store; what it does not get to
            # write is settled at the next start.
            self._store.finish(self.name, slot, "interrupted", self._now(), "it was stopped")
            raise
        # Until it is recorded the job counts as running.
        ended = self._now()
        await insist(
            lambda: self._store.finish(self.name, slot, state, ended, detail),
            f"the end of a run of the job {self.name}",
        )
        self._publish(state, slot, detail)

    async def _outcome(self) -> tuple[RunState, str]:
        try:
            task = self._job.task()
            if not task.message:
                return "done", ""
            return "done", await self._say(task)
        except ClawftError as error:
            return "failed", str(error)
        except Exception as error:
            log.exception("a run of the job %s failed", self.name)
            return "failed", f"an internal error: {type(error).__name__}"

    async def _say(self, task: Task) -> str:
        """Send the job's message and wait for the answer; says where it is."""
        key = task.session or self.name
        await self.ask("sessions", OpenSession(key, task.agent or DEFAULT_AGENT))
        await self.ask("sessions", SendMessage(key, task.message))
        return f"answered in the session {key}"

    def _publish(self, status: str, slot: datetime, detail: str = "") -> None:
        ran = CronRan(self.name, self._job.name, status, slot, detail or UNSET)
        publish(self, ran)
