"""As much of a host as cron needs, on a folder that outlives it."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from clawft.actors.cron import Cron
from clawft.domain.cron import CronJob, CronRun
from clawft.domain.events import CronRan
from clawft.domain.tools import ToolResult
from clawft.messages.cron import CreateJob, ListJobs, Tick, UpdateJob
from clawft.messages.events import Publish
from clawft.messages.tools import CallTool
from clawft.runtime import System
from clawft.store import Store
from clawft.store.cron import CronStore
from tests.actors.conversations import Sessions, Talk
from tests.actors.moments import StillClock
from tests.actors.recorder import Recorder


class Host:
    """As much of a host as cron needs, on a folder that outlives it."""

    def __init__(self, folder: Path, clock: StillClock, store: type[CronStore] = CronStore) -> None:
        self.clock = clock
        self.published: list[Publish] = []
        self.system = System("test")
        self.system.attach()
        self.kept = Store.open(self.system, folder)
        self.store = store(self.kept)
        self.system.spawn(Recorder, "events", self.published)
        self.outbox: list[Any] = []
        self.tools: list[Any] = []
        self.system.spawn(Recorder, "outbox", self.outbox)
        self.system.spawn(Recorder, "tools", self.tools, {CallTool: ToolResult("42")})
        self.sessions = Talk()
        self.system.spawn(Sessions, "sessions", self.sessions)
        self.start_cron()

    def start_cron(self, tick: float | None = None) -> None:
        self.cron = self.system.spawn(Cron, "cron", store=self.store, now=self.clock, tick=tick)

    async def create(self, **given: Any) -> CronJob:
        return await self.system.ask("cron", CreateJob(**({"name": "a job", "schedule": "@hourly"} | given)))

    async def job(self) -> CronJob:
        (job,) = await self.system.ask("cron", ListJobs())
        return job

    async def tick(self, **forward: float) -> None:
        """Move the clock, look at it, and let every job have decided."""
        self.system.tell("cron", Tick(self.clock.forward(**forward)))
        for job in await self.system.ask("cron", ListJobs()):
            with_nothing_changed = UpdateJob(job.id)
            await self.system.ask("cron", with_nothing_changed)

    async def ledger(self) -> list[tuple[datetime, str]]:
        return [(run.slot, run.state) for run in reversed(await self.runs())]

    async def runs(self) -> tuple[CronRun, ...]:
        return (await self.store.runs.page((await self.job()).id)).items

    def events(self) -> list[str]:
        return [note.event.status for note in self.published if isinstance(note.event, CronRan)]

    async def settled(self) -> None:
        """Wait until no run is open any more."""
        while any(state in ("queued", "running") for _, state in await self.ledger()):
            await asyncio.sleep(0)

    async def stop(self) -> None:
        self.kept.close()
        assert await self.system.shutdown(5) == ()
