"""One cron job."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from clawft.actors.clock import Clock
from clawft.actors.insist import NOT_NOW, insist
from clawft.actors.publish import publish
from clawft.actors.run import Run
from clawft.actors.whole import whole
from clawft.domain.cron import ALERT_AFTER, DISABLE_AFTER, MOST_WAITING, CronJob, RunEnd
from clawft.domain.events import CronAlert, CronRan
from clawft.domain.firing import Plan, Skip, grace, passed_over, plan, too_late
from clawft.domain.values import UNSET, Success
from clawft.errors import Conflict
from clawft.messages.cron import RunJob, Tick, UpdateJob
from clawft.messages.outbox import Wake
from clawft.runtime import Actor, MailboxFull, Tell, on
from clawft.store.columns import column, given
from clawft.store.cron import CronStore

log = logging.getLogger(__name__)

SET_BACK = timedelta(seconds=30)
"""By how much the clock goes back at least, for it to be called set back."""
MOST_TOLD = 20
"""Events about slots that one look skips; all of them are in the ledger."""
DAY = timedelta(hours=24)


class Troubled(Tell, frozen=True):
    """To ``cron``: what an operator should know of this job; empty: nothing any more."""

    id: str
    trouble: str


TOO_MANY = f"{MOST_WAITING} runs wait already"


class Job(Actor):
    """Knows when it is due, writes down what becomes of each slot, and only then runs; one run at a time.

    The slots and the next due time are one transaction: a slot runs at most once, whatever dies in between.
    """

    def __init__(self, *, store: CronStore, now: Clock) -> None:
        super().__init__()
        self._store = store
        self._ledger = store.runs
        self._now = now
        self._run: asyncio.Task[None] | None = None
        self._replaced_by = ""
        self._looked: datetime | None = None
        self._settled = False
        """Whether what an earlier life left is settled: with the first tick that finds room for it."""
        self._waiting: deque[datetime] = deque()

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        # From the store, because a restarted actor is made from what was true when it was first started.
        self._job = await self._store.get(self.name)
        self._waiting = deque(await self._ledger.waiting(self.name))

    # -- the clock

    @on(Tick)
    async def tick(self, note: Tick) -> None:
        try:
            if self._has_to_do(note.now):
                await whole(self._look(note.now))
        except NOT_NOW as error:
            log.error(
                "the job %s is due and cannot be claimed, next try at the next tick: %s", self.name, error
            )
        else:
            self._looked = note.now

    def _has_to_do(self, now: datetime) -> bool:
        due = plan(self._job, now) is not None
        return due or bool(self._waiting) or self._set_back(now) or not self._settled

    def _set_back(self, now: datetime) -> bool:
        return self._looked is not None and now < self._looked - SET_BACK

    async def _look(self, now: datetime) -> None:
        if not self._settled:
            await self._settle(now)
        if self._set_back(now):
            await self._rewind(now)
        due = plan(self._job, now)
        if due is not None:
            await self._take(self._fitted(due), now)
        await self._go_on(now)

    async def _settle(self, now: datetime) -> None:
        stale = [slot for slot in self._waiting if too_late(self._job, slot, now)]
        if stale:
            await self._drop(stale, "the host was away for longer than a run may be late", now)
        due = plan(self._job, now)
        if due is not None and due.runs and self._waiting and self._job.policy.missed == "latest":
            # Claimed before the host died, begun by nobody, and no longer the latest.
            await self._drop(self._waiting, passed_over(self._job, due.runs[-1]), now)
        if await self._ledger.is_ahead(self.name, now):
            await self._rewind(now)
        self._settled = True

    async def _rewind(self, now: datetime) -> None:
        """After the clock was set back, slots come that had been passed already. None of them runs twice."""
        if not self._job.enabled:
            return
        either = (self._job.due_after(now), self._job.next_run)
        next_runs = tuple(moment for moment in either if isinstance(moment, datetime))
        next_run = await self._ledger.rewind(self.name, next_runs, now, now - grace(self._job))
        self._job = msgspec.structs.replace(self._job, next_run=given(next_run))

    # -- slots

    def _fitted(self, due: Plan) -> Plan:
        """What is due, as far as the runs under way and waiting leave room for it."""
        if not self._running and (not self._waiting or self._job.policy.missed == "all"):
            return _without(due, due.runs[MOST_WAITING - len(self._waiting) :], TOO_MANY)
        overlap = self._job.policy.overlap
        if overlap == "skip":
            return _without(due, due.runs, "the run before it was still under way")
        if overlap == "replace" and due.runs:
            self._replace(due.runs[-1])
        room = MOST_WAITING - len(self._waiting)
        return _without(due, due.runs[room:], TOO_MANY)

    def _replace(self, slot: datetime) -> None:
        if self._run is not None and self._running:
            self._replaced_by = f"the run of {slot:%Y-%m-%dT%H:%M:%SZ} took its place"
            self._run.cancel()

    async def _take(self, due: Plan, now: datetime) -> None:
        taken = await self._ledger.take(self.name, due, now)
        self._job = msgspec.structs.replace(self._job, next_run=due.next_run)
        self._waiting.extend(taken)
        for skip in due.skips[-MOST_TOLD:]:
            self._publish("skipped", skip.slot, skip.why)

    async def _drop(self, slots: Iterable[datetime], why: str, now: datetime) -> None:
        slots = tuple(slots)
        await self._ledger.drop(self.name, slots, why, now)
        self._waiting = deque(slot for slot in self._waiting if slot not in slots)
        for slot in slots[-MOST_TOLD:]:
            self._publish("skipped", slot, why)

    async def _go_on(self, now: datetime) -> None:
        """Begin the run that waits longest, unless there is a reason against it."""
        if self._running or not self._waiting:
            return
        if why := await self._objection(now):
            await self._drop(self._waiting, why, now)
            return
        slot = self._waiting[0]
        if await self._ledger.begin(self.name, slot, now):
            self._start(slot)
        self._waiting.popleft()

    async def _objection(self, now: datetime) -> str:
        if not self._job.enabled:
            return "the job was disabled"
        limit = self._job.policy.cost_limit_usd
        if limit is UNSET:
            return ""
        cost = await self._ledger.cost_since(self.name, now - DAY)
        return f"its runs of 24 hours cost ${cost:.4f}, its limit is ${limit:.4f}" if cost >= limit else ""

    # -- what an operator asks

    @on(RunJob)
    async def run_now(self, _: RunJob) -> Success:
        if self._running:
            raise Conflict(f"the job {self._job.name!r} is running already")
        await whole(self._run_now(self._now()))
        return Success()

    async def _run_now(self, now: datetime) -> None:
        if not await self._ledger.claim(self.name, now, column(self._job.next_run), now):
            raise Conflict(f"the job {self._job.name!r} was run or deleted this very moment")
        self._start(now)

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
        if same_time:
            changed.task()
        else:
            changed = changed.checked(self._now())
        self._job = await self._store.edit(self._job, changed)
        self._tell_trouble()
        return self._job

    # -- a run

    @property
    def _running(self) -> bool:
        return self._run is not None and not self._run.done()

    def _start(self, slot: datetime) -> None:
        self._replaced_by = ""
        self._publish("running", slot)
        self._run = self.background(self._perform(slot))

    async def _perform(self, slot: datetime) -> None:
        run = Run(self, self._job, slot, self._store.runs, self._now)
        try:
            end = await run.outcome()
        except asyncio.CancelledError:
            if not self._replaced_by:
                # With the host, or with the job. Nobody is left to wait for the store; what
                # it does not get to write is settled at the next start.
                self._ledger.interrupt(self.name, slot, self._now(), "it was stopped")
                raise
            end = RunEnd("interrupted", self._replaced_by, run.session)
        await self._end(slot, end)

    async def _end(self, slot: datetime, end: RunEnd) -> None:
        """Until it is recorded the job counts as running."""
        at = self._now()
        failures = await insist(
            lambda: self._ledger.finish(self.name, slot, end, at),
            f"the end of a run of the job {self.name}",
        )
        self._publish(end.state, slot, end.detail)
        self._counted(failures, end)
        if end.deliveries:
            self._wake_outbox()

    def _counted(self, failures: int, end: RunEnd) -> None:
        self._job = msgspec.structs.replace(self._job, failures=failures)
        disabled = end.state == "failed" and failures >= DISABLE_AFTER
        if disabled:
            self._job = msgspec.structs.replace(self._job, enabled=False, next_run=UNSET)
        if end.state == "failed" and (disabled or failures == ALERT_AFTER):
            log.error("%s: %s", self._job.trouble, end.detail)
            publish(self, CronAlert(self.name, self._job.name, failures, disabled, end.detail))
        self._tell_trouble()

    def _tell_trouble(self) -> None:
        if self.parent is not None:
            self.tell(self.parent, Troubled(self.name, self._job.trouble))

    def _wake_outbox(self) -> None:
        try:
            self.tell("outbox", Wake())
        except MailboxFull:
            log.info("the outbox is busy and finds what is to be delivered at its next look")

    def _publish(self, status: str, slot: datetime, detail: str = "") -> None:
        ran = CronRan(self.name, self._job.name, status, slot, detail or UNSET)
        publish(self, ran)


def _without(due: Plan, slots: tuple[datetime, ...], why: str) -> Plan:
    kept = tuple(slot for slot in due.runs if slot not in slots)
    return msgspec.structs.replace(due, runs=kept, skips=due.skips + tuple(Skip(slot, why) for slot in slots))
