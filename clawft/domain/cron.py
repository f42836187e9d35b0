"""Cron jobs: what runs when, and what is done about a run that was missed."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from clawft.domain.schedules import parse_schedule, parse_zone
from clawft.domain.values import UNSET, Name, UnsetType, Value
from clawft.errors import Invalid

GRACE = timedelta(minutes=5)
"""How late a run may begin. What is later than that was missed."""

JobStatus = Literal["idle", "running", "failed"]
JobName = Annotated[str, Meta(min_length=1, max_length=200)]
RunState = Literal["running", "done", "failed", "skipped", "interrupted"]


class CronJob(Value, frozen=True):
    """One job. Times are UTC; ``timezone`` is where its schedule is read."""

    id: str
    name: str
    schedule: str
    enabled: bool
    status: JobStatus
    timezone: str = "UTC"
    last_run: datetime | UnsetType = UNSET
    next_run: datetime | UnsetType = UNSET
    payload: str | UnsetType = UNSET

    def due_after(self, instant: datetime) -> datetime | UnsetType:
        """When it runs next; a disabled job does not. ``Invalid`` when its schedule or zone means nothing."""
        schedule, zone = parse_schedule(self.schedule), parse_zone(self.timezone)
        due = schedule.after(instant, zone) if self.enabled else None
        return UNSET if due is None else due

    def checked(self, now: datetime) -> "CronJob":
        """This job, due next after ``now``; ``Invalid`` names what is wrong with it."""
        self.task()
        return msgspec.structs.replace(self, next_run=self.due_after(now))

    def task(self) -> "Task":
        """What a run says, to whom and where; ``Invalid`` names the member of the payload that is wrong."""
        return read_payload(self.payload or "")


class CronRun(Value, frozen=True):
    """What came of one slot of a job. A slot is the instant a run was due, or was asked for."""

    job_id: str
    slot: datetime
    state: RunState
    started_at: datetime | UnsetType = UNSET
    ended_at: datetime | UnsetType = UNSET
    detail: str | UnsetType = UNSET


class Task(Value, frozen=True):
    """What a job does. Without a ``message`` its runs only mark the time, for those who listen to them."""

    message: str = ""
    agent: Name | UnsetType = UNSET
    session: Name | UnsetType = UNSET
    deliver: Any = UNSET
    """Where the answer goes besides the session; kept as it is for the channel that takes it."""


class Firing(Value, frozen=True):
    """What a job does now that it is due."""

    run: datetime | None
    """The slot that runs; None when all that was due is too long ago."""
    missed: datetime | None
    """The first slot that does not run any more."""
    next_run: datetime | UnsetType


def read_payload(payload: str) -> Task:
    """A JSON object with a ``message`` says what to do; any other text is the message itself."""
    try:
        members = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return Task(message=payload)
    if not isinstance(members, dict) or "message" not in members:
        return Task(message=payload)
    try:
        return msgspec.convert(members, Task)
    except msgspec.ValidationError as error:
        raise Invalid(f"the payload is wrong: {error}", path="$.payload") from error


def firing(job: CronJob, now: datetime, grace: timedelta = GRACE) -> Firing | None:
    """What to do at ``now``; None: nothing is due.

    However many slots passed while nobody looked, the latest one within the grace runs, once. If others
    passed before it, or none is within the grace, the first of them stands for all that were missed.
    """
    if isinstance(job.next_run, UnsetType) or job.next_run > now:
        return None
    first, latest = job.next_run, _latest_due(job, now, grace)
    return Firing(latest, None if latest == first else first, job.due_after(now))


def _latest_due(job: CronJob, now: datetime, grace: timedelta) -> datetime | None:
    """The last slot within the grace, not before ``next_run``. There is at most one a minute to look at."""
    slot: datetime | UnsetType = job.next_run
    if isinstance(slot, datetime) and slot < now - grace:
        slot = job.due_after(now - grace)
    latest = None
    while isinstance(slot, datetime) and slot <= now:
        latest, slot = slot, job.due_after(slot)
    return latest
