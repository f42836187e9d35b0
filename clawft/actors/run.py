"""One run of a cron job: says its message or calls its tool, and has the answer addressed."""

import asyncio
import logging
from datetime import datetime

from clawft.actors.clock import Clock
from clawft.actors.new_key import new_key
from clawft.domain.agents import DEFAULT_AGENT
from clawft.domain.cron import CronJob, RunEnd
from clawft.domain.cron_tasks import Task
from clawft.domain.deliveries import Delivery
from clawft.domain.values import UNSET
from clawft.errors import Cancelled, ClawftError
from clawft.messages.sessions import OpenSession, SendMessage
from clawft.messages.tools import CallTool
from clawft.runtime import Actor
from clawft.store.cron_runs import CronRuns

log = logging.getLogger(__name__)


class Run:
    """Part of a job's actor while it runs. ``outcome`` never raises, unless it is cancelled."""

    def __init__(self, job_actor: Actor, job: CronJob, slot: datetime, ledger: CronRuns, now: Clock) -> None:
        self._actor = job_actor
        self._job = job
        self._slot = slot
        self._ledger = ledger
        self._now = now
        self.session = ""
        """The key of the session it has spoken in, if it has."""

    async def outcome(self) -> RunEnd:
        try:
            return await self._in_time()
        except Cancelled as error:  # somebody stopped its turn, which says nothing against the job
            return RunEnd("interrupted", str(error), self.session)
        except ClawftError as error:
            return RunEnd("failed", str(error), self.session)
        except Exception as error:
            log.exception("a run of the job %s failed", self._job.id)
            return RunEnd("failed", f"an internal error: {type(error).__name__}", self.session)

    async def _in_time(self) -> RunEnd:
        limit = self._job.policy.time_limit
        try:
            async with asyncio.timeout(None if limit is UNSET else limit) as deadline:
                return await self._do(self._job.task())
        except TimeoutError:
            if not deadline.expired():
                raise
            return RunEnd("failed", f"it took longer than {limit:g} s and was stopped", self.session)

    async def _do(self, task: Task) -> RunEnd:
        key = self._key(task)
        if task.heartbeat and not await self._ledger.has_news(self._job.id, self._slot, key, task.message):
            return RunEnd(
                "skipped", f"nobody has said anything in the session {key} since the last heartbeat"
            )
        if task.tool:
            return self._ended(task, await self._call(task), f"called {task.tool}")
        if task.message:
            return self._ended(task, await self._say(task), f"answered in the session {key}")
        return RunEnd("done")

    def _key(self, task: Task) -> str:
        return task.session or self._job.id

    async def _say(self, task: Task) -> str:
        """Send the job's message and wait for the answer."""
        key = self._key(task)
        await self._actor.ask("sessions", OpenSession(key, task.agent or DEFAULT_AGENT))
        self.session = key
        return (await self._actor.ask("sessions", SendMessage(key, task.message, mode="queue"))).content

    async def _call(self, task: Task) -> str:
        call = CallTool(task.tool, task.arguments, self._key(task), task.agent or DEFAULT_AGENT, self._job.id)
        result = await self._actor.ask("tools", call)
        if result.is_error:
            raise ClawftError(result.content)
        return result.content

    def _ended(self, task: Task, answer: str, detail: str) -> RunEnd:
        now = self._now()
        deliveries = tuple(
            Delivery(
                id=new_key("dlv"),
                channel=address.channel,
                to=address.to,
                content=answer,
                state="queued",
                created_at=now,
                updated_at=now,
                source=self._job.id,
            )
            for address in task.deliver
        )
        return RunEnd("done", detail, self.session, deliveries)
