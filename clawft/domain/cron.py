"""Cron jobs: what runs when, and what is known of each run."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from clawft.domain.cron_tasks import Task, read_payload
from clawft.domain.deliveries import Delivery
from clawft.domain.schedules import Once, Schedules, parse_schedule, parse_zone
from clawft.domain.values import UNSET, UnsetType, Value
from clawft.errors import Invalid

JobStatus = Literal["idle", "running", "failed"]
JobName = Annotated[str, Meta(min_length=1, max_length=200)]
RunState = Literal["queued", "running", "done", "failed", "skipped", "interrupted"]

ALERT_AFTER = 3
"""Failures in a row after which somebody is told."""
DISABLE_AFTER = 10
"""Failures in a row after which a job is disabled."""
MOST_ATTEMPTS = 3
"""How often a run that was interrupted is begun, all in all."""
MOST_WAITING = 100
"""Runs of one job that may wait."""
PREVIEWED = 5

Missed = Literal["skip", "latest", "all"]
Overlap = Literal["skip", "queue", "replace"]
Interrupted = Literal["skip", "retry"]
CatchUp = Annotated[int, Meta(ge=1, le=MOST_WAITING)]
Grace = Annotated[int, Meta(ge=0, le=24 * 60 * 60)]
Jitter = Annotated[int, Meta(ge=0, le=60 * 60)]
TimeLimit = Annotated[float, Meta(gt=0, le=24 * 60 * 60)]
CostLimit = Annotated[float, Meta(ge=0, le=1_000_000)]


class Policy(Value, frozen=True, forbid_unknown_fields=True):
    """What a job does when things do not go by the clock."""

    missed: Missed = "latest"
    """Of the slots nobody was there for: none, the latest, or all of them up to ``catch_up``."""
    catch_up: CatchUp = 10
    grace: Grace = 300
    """Seconds a missed run may be late."""
    interrupted: Interrupted = "skip"
    """What becomes of a run that was cut off: nothing more, or it is begun again."""
    overlap: Overlap = "skip"
    """What becomes of a slot that is due while the run before it is under way."""
    jitter: Jitter = 0
    """Seconds over which runs are spread, so that jobs of the same minute do not all start at once."""
    time_limit: TimeLimit | UnsetType = UNSET
    """Seconds a run may take."""
    cost_limit_usd: CostLimit | UnsetType = UNSET
    """What the runs of 24 hours may cost; once they have, slots are skipped."""


class PolicyChange(Value, frozen=True, forbid_unknown_fields=True):
    """The members of a policy to be changed; null takes a limit away."""

    missed: Missed | UnsetType = UNSET
    catch_up: CatchUp | UnsetType = UNSET
    grace: Grace | UnsetType = UNSET
    interrupted: Interrupted | UnsetType = UNSET
    overlap: Overlap | UnsetType = UNSET
    jitter: Jitter | UnsetType = UNSET
    time_limit: TimeLimit | UnsetType | None = UNSET
    cost_limit_usd: CostLimit | UnsetType | None = UNSET

    def applied_to(self, policy: Policy) -> Policy:
        given = {
            name: UNSET if value is None else value
            for name, value in msgspec.structs.asdict(self).items()
            if value is not UNSET
        }
        return msgspec.structs.replace(policy, **given)


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
    policy: Policy = Policy()
    failures: int = 0
    """Runs in a row that have failed, up to now."""

    def due_after(self, instant: datetime) -> datetime | UnsetType:
        """When it runs next; a disabled job does not. ``Invalid`` when its schedule or zone means nothing."""
        schedule, zone = parse_schedule(self.schedule), parse_zone(self.timezone)
        due = schedule.after(instant, zone) if self.enabled else None
        return UNSET if due is None else due

    def checked(self, now: datetime) -> "CronJob":
        """This job, due next after ``now``; ``Invalid`` names what is wrong with it."""
        self.task()
        next_run = self.due_after(now)
        if next_run is UNSET and self.enabled:
            raise Invalid(
                f"the schedule {self.schedule!r} is over: that moment has passed", path="$.schedule"
            )
        return msgspec.structs.replace(self, next_run=next_run)

    def task(self) -> Task:
        """What a run says, to whom and where; ``Invalid`` names the member of the payload that is wrong."""
        return read_payload(self.payload or "")

    @property
    def trouble(self) -> str:
        """What an operator should know of it, in a sentence; empty: nothing."""
        if self.failures >= DISABLE_AFTER and not self.enabled:
            return f"the job {self.name!r} ({self.id}) is disabled: its last {self.failures} runs failed"
        if self.failures >= ALERT_AFTER:
            return f"the last {self.failures} runs of the job {self.name!r} ({self.id}) failed"
        return ""


class CronRun(Value, frozen=True):
    """What came of one slot of a job. A slot is the instant a run was due, or was asked for."""

    job_id: str
    slot: datetime
    state: RunState
    started_at: datetime | UnsetType = UNSET
    ended_at: datetime | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    attempt: int = 1
    cost_usd: float | UnsetType = UNSET


class RunEnd(Value, frozen=True):
    """How a run ended, and what is to be done about its answer."""

    state: RunState
    detail: str = ""
    session_key: str = ""
    """Where it spoke: what was spent there since it began is its cost."""
    deliveries: tuple[Delivery, ...] = ()


class RunPage(Value, frozen=True):
    """A page of a job's ledger, the newest slot first."""

    items: tuple[CronRun, ...]
    total: int
    limit: int
    offset: int


class Moment(Value, frozen=True):
    """A due time, as the world and as the job's zone writes it."""

    utc: datetime
    local: datetime


class Preview(Value, frozen=True):
    """What a schedule means."""

    schedule: str
    timezone: str
    reading: str
    """In plain English."""
    next_runs: tuple[Moment, ...]


class JobDetail(CronJob, frozen=True, kw_only=True):
    """A job, and what its schedule means."""

    reading: str
    next_runs: tuple[Moment, ...]
    """The next times it would be due; a disabled job does not run at them."""


def preview(schedule: str, timezone: str, now: datetime, count: int = PREVIEWED) -> Preview:
    """The schedule in plain English and its next times; ``Invalid`` says what means nothing."""
    parsed, zone = parse_schedule(schedule), parse_zone(timezone)
    moments: list[Moment] = []
    due = parsed.after(now, zone)
    while due is not None and len(moments) < count:
        moments.append(Moment(due, due.astimezone(zone)))
        due = parsed.after(due, zone)
    return Preview(schedule, timezone, _reading(parsed, timezone), tuple(moments))


def _reading(schedule: Schedules, timezone: str) -> str:
    has_offset = isinstance(schedule, Once) and schedule.moment.tzinfo is not None
    return schedule.explain() if has_offset else f"{schedule.explain()} ({timezone})"


def detail(job: CronJob, now: datetime) -> JobDetail:
    """The job with its preview."""
    seen = preview(job.schedule, job.timezone, now)
    return JobDetail(**msgspec.structs.asdict(job), reading=seen.reading, next_runs=seen.next_runs)


def lateness(policy: Policy) -> timedelta:
    return timedelta(seconds=policy.grace)
