"""Cron jobs: what runs when."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from clawft.domain.values import UNSET, UnsetType, Value

JobStatus = Literal["idle", "running", "failed"]
JobName = Annotated[str, Meta(min_length=1, max_length=200)]


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
