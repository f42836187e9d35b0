"""What can be asked of cron jobs."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, structs

from clawft.domain.cron import CronJob, JobDetail, JobName, Policy, PolicyChange, Preview, RunPage
from clawft.domain.values import MAX_CONTENT, UNSET, Success, UnsetType
from clawft.runtime import Ask, Tell

Schedule = Annotated[str, Meta(min_length=1, max_length=200)]
Payload = Annotated[str, Meta(max_length=MAX_CONTENT)]


class ListJobs(Ask[tuple[CronJob, ...]], frozen=True):
    """Every job, by name. Looking changes nothing."""


class GetJob(Ask[JobDetail], frozen=True):
    """A job, its schedule in plain English, and its next five times."""

    id: str


class PreviewSchedule(Ask[Preview], frozen=True):
    """A schedule in plain English and its next five times. Nothing is kept."""

    schedule: Schedule
    timezone: str = "UTC"


class ListJobRuns(Ask[RunPage], frozen=True):
    """What became of a job's slots, newest first."""

    id: str
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0


class CreateJob(Ask[CronJob], frozen=True):
    """A new job. ``payload``: a JSON object ``{agent, session, message, deliver}``, one with a ``tool`` and
    its ``arguments``, or plain text."""

    name: JobName
    schedule: Schedule
    enabled: bool = True
    timezone: str = "UTC"
    payload: Payload | UnsetType = UNSET
    policy: Policy = Policy()


class UpdateJob(Ask[CronJob], frozen=True):
    """Change what is given, keep the rest. What a job reports about itself (its id, status and runs) may be
    sent back unchanged and is not changed by it."""

    id: str
    name: JobName | UnsetType = UNSET
    schedule: Schedule | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    payload: Payload | UnsetType | None = UNSET
    policy: PolicyChange | UnsetType = UNSET

    def applied_to(self, job: CronJob) -> CronJob:
        """The job with what was given. A payload of null is none; who enables a job forgets its failures."""
        given = {
            name: UNSET if value is None else value
            for name, value in structs.asdict(self).items()
            if value is not UNSET
        }
        if isinstance(self.policy, PolicyChange):
            given["policy"] = self.policy.applied_to(job.policy)
        if self.enabled is True and not job.enabled:
            given["failures"] = 0
        return structs.replace(job, **given)


class DeleteJob(Ask[Success], frozen=True):
    """Forget a job; a run under way is stopped."""

    id: str


class RunJob(Ask[Success], frozen=True):
    """Start a run now, whatever the schedule says. Answers when it has begun."""

    id: str


class CronTrouble(Ask[tuple[str, ...]], frozen=True):
    """What an operator should know of the jobs, a sentence each. Answered from memory."""


class Tick(Tell, frozen=True):
    """It is ``now``: run what fell due since the last tick."""

    now: datetime
