"""Firing: which of the slots that fell due are run, and why the others are not. Pure: time comes in."""

import hashlib
from datetime import datetime, timedelta

from clawft.domain.cron import CronJob, lateness
from clawft.domain.values import UNSET, UnsetType, Value

PUNCTUAL = timedelta(minutes=1)
"""How late a run may begin and count as on time all the same: ticks are late on a loaded machine."""
MOST_ROWS = 1000
"""Slots written down one by one. A minutely job that was away for a year has half a million."""


class Skip(Value, frozen=True):
    """A slot that does not run."""

    slot: datetime
    why: str


class Plan(Value, frozen=True):
    """What a job does now that it is due."""

    runs: tuple[datetime, ...]
    """Slots to run, oldest first."""
    skips: tuple[Skip, ...]
    next_run: datetime | UnsetType


def plan(job: CronJob, now: datetime) -> Plan | None:
    """What to do at ``now``; None: nothing is due. Every slot from ``next_run`` on is in the plan once."""
    if isinstance(job.next_run, UnsetType) or not _is_due(job, job.next_run, now):
        return None
    due, many, next_run = _due(job, now)
    late = [slot for slot in due if too_late(job, slot, now)]
    in_time = [slot for slot in due if not too_late(job, slot, now)]
    runs = in_time[-_most(job) :]
    too_old = f"it was more than {grace(job).total_seconds():g} s late"
    skips = [Skip(slot, too_old) for slot in late]
    skips += [Skip(slot, passed_over(job, runs[-1])) for slot in in_time[: -_most(job)]]
    return Plan(tuple(runs), (*many, *skips), next_run)


def too_late(job: CronJob, slot: datetime, now: datetime) -> bool:
    """Whether a slot is beyond the grace."""
    return now - slot - delay(job, slot) > grace(job)


def delay(job: CronJob, slot: datetime) -> timedelta:
    """How long after its slot a run begins, by the job's jitter: the same however often it is asked."""
    if not job.policy.jitter:
        return timedelta()
    digest = hashlib.sha256(f"{job.id} {slot.timestamp()}".encode()).digest()
    return timedelta(seconds=job.policy.jitter * int.from_bytes(digest[:4]) / 2**32)


def _is_due(job: CronJob, slot: datetime, now: datetime) -> bool:
    return slot + delay(job, slot) <= now


def grace(job: CronJob) -> timedelta:
    """How late a run of this job may begin."""
    return PUNCTUAL if job.policy.missed == "skip" else lateness(job.policy)


def _most(job: CronJob) -> int:
    return job.policy.catch_up if job.policy.missed == "all" else 1


def passed_over(job: CronJob, latest: datetime) -> str:
    if job.policy.missed == "all":
        return f"more than {job.policy.catch_up} slots were missed"
    return f"the later slot {latest:%Y-%m-%dT%H:%M:%SZ} ran for it"


def _due(job: CronJob, now: datetime) -> tuple[list[datetime], list[Skip], datetime | UnsetType]:
    """Slots one by one; of too many the first ones, one that stands for many, and those within the grace."""
    due: list[datetime] = []
    many: list[Skip] = []
    slot = job.next_run
    while isinstance(slot, datetime) and _is_due(job, slot, now):
        fresh = _first_fresh(job, now) if len(due) == MOST_ROWS else UNSET
        if isinstance(fresh, datetime) and fresh > slot:
            many.append(
                Skip(slot, f"nobody was there for it, nor for any slot before {fresh:%Y-%m-%dT%H:%M:%SZ}")
            )
            slot = fresh
        due.append(slot)
        slot = job.due_after(slot)
    return due, many, slot


def _first_fresh(job: CronJob, now: datetime) -> datetime | UnsetType:
    return job.due_after(now - grace(job) - timedelta(seconds=job.policy.jitter))
