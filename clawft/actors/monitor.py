"""The one who tells what was done and how the host is: runs, tokens, costs, health."""

import logging
import os
from asyncio import CancelledError
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

import psutil

from clawft import __version__
from clawft.actors.pressure import PressureTrouble
from clawft.domain.agents import AgentSummary
from clawft.domain.costs import CostBreakdown, TokenUsageSummary
from clawft.domain.health import Health
from clawft.domain.pipeline import PipelineRun
from clawft.messages.agents import ListAgents
from clawft.messages.config import ConfigTrouble
from clawft.messages.cron import CronTrouble
from clawft.messages.monitor import GetCosts, GetHealth, GetTokenUsage, ListRuns
from clawft.messages.sessions import CountSessions
from clawft.messages.tools import ListTools
from clawft.runtime import Actor, ActorEvent, Ask, MailboxFull, NoSuchActor, Reply, Tell, on
from clawft.store.runs import RunStore
from clawft.store.store import Store
from clawft.store.usage import UsageStore

log = logging.getLogger(__name__)

R = TypeVar("R")

LOOK_EVERY = 2.0
"""Seconds between two looks at those who do not answer at once."""


class Look(Tell, frozen=True):
    """Ask everybody how they are."""


class Monitor(Actor):
    """Adds up what was recorded, and knows at any moment how the host is.

    Health waits for nobody. The others are asked each time; those who answer from memory have answered before
    the next line is reached, and of the rest the last answer is told.
    """

    def __init__(
        self, *, store: Store, began: float | None = None, safe_mode: str = "", starts: int = 1
    ) -> None:
        """``began``: when the host did, by the monotonic clock. ``safe_mode``: why it is in it, if it is."""
        super().__init__()
        self._store = store
        self._runs = RunStore(store)
        self._usage = UsageStore(store)
        self._began = monotonic() if began is None else began
        self._process = psutil.Process(os.getpid())
        self._asked: dict[str, Reply[Any]] = {}
        self._agents: tuple[AgentSummary, ...] = ()
        self._sessions = 0
        self._tools = 0
        self._config_trouble: str | None = None
        self._cron_trouble: tuple[str, ...] = ()
        self._failed: set[str] = set()
        self._safe_mode = safe_mode
        self._starts = starts
        self._memory_trouble = ""

    def on_start(self) -> None:
        self._failed = {status.path for status in self.system.tree() if status.state == "failed"}
        self.system.on_event.append(self._happened)
        self.every(LOOK_EVERY, Look())

    def on_stop(self) -> None:
        if self._happened in self.system.on_event:
            self.system.on_event.remove(self._happened)

    # -- what was done

    @on(GetTokenUsage)
    def token_usage(self, message: GetTokenUsage) -> Reply[TokenUsageSummary]:
        return self._usage.tokens(message.since)

    @on(GetCosts)
    def costs(self, message: GetCosts) -> Reply[CostBreakdown]:
        return self._usage.costs(message.since)

    @on(ListRuns)
    def runs(self, message: ListRuns) -> Reply[tuple[PipelineRun, ...]]:
        return self._runs.list(message.limit, message.session)

    # -- how the host is

    @on(GetHealth)
    def health(self, _: GetHealth) -> Health:
        self._look()
        reasons = self._reasons()
        return Health(
            status="degraded" if reasons else "healthy",
            uptime_seconds=int(monotonic() - self._began),
            memory_usage_mb=self._process.memory_info().rss // 2**20,
            agent_count=len(self._agents),
            session_count=self._sessions,
            tool_count=self._tools,
            reasons=reasons,
            version=__version__,
            dead_letters=self.system.dead_letters.count,
            database_bytes=self._store.size(),
            log_bytes=self._store.log_size(),
            safe_mode=bool(self._safe_mode),
            starts=self._starts,
        )

    def _reasons(self) -> tuple[str, ...]:
        reasons = [self._safe_mode, self._store.check(), self._memory_trouble, self._config_trouble or ""]
        reasons += [f"the actor {path} has failed and is down" for path in sorted(self._failed)]
        reasons += self._cron_trouble
        reasons += [f"the agent {agent.id} is in error" for agent in self._agents if agent.status == "error"]
        return tuple(reason for reason in reasons if reason)

    @on(Look)
    def look(self, _: Look) -> None:
        self._look()

    def _look(self) -> None:
        self._ask_for("agents", ListAgents(), self._saw_agents)
        self._ask_for("sessions", CountSessions(), self._saw_sessions)
        self._ask_for("tools", ListTools(), self._saw_tools)
        self._ask_for("config", ConfigTrouble(), self._saw_config)
        self._ask_for("cron", CronTrouble(), self._saw_cron)
        self._ask_for("pressure", PressureTrouble(), self._saw_memory)

    def _ask_for(self, target: str, question: Ask[R], saw: Callable[[R], None]) -> None:
        """One question at a time to each: whoever is slow is not asked again before it has answered."""
        before = self._asked.get(target)
        if before is not None and not before.done():
            return
        try:
            reply = self._asked[target] = self.ask(target, question)
        except (NoSuchActor, MailboxFull) as error:
            log.warning("%s was not asked how it is: %s", target, error)
            return
        reply.add_done_callback(lambda answer: _pass_on(answer, saw))

    def _saw_agents(self, agents: tuple[AgentSummary, ...]) -> None:
        self._agents = agents

    def _saw_sessions(self, count: int) -> None:
        self._sessions = count

    def _saw_tools(self, tools: tuple[object, ...]) -> None:
        self._tools = len(tools)

    def _saw_config(self, trouble: str | None) -> None:
        self._config_trouble = trouble

    def _saw_memory(self, trouble: str) -> None:
        self._memory_trouble = trouble

    def _saw_cron(self, trouble: tuple[str, ...]) -> None:
        self._cron_trouble = trouble

    def _happened(self, event: ActorEvent) -> None:
        """Called on any thread. An actor that its failure has stopped for good is gone, and not down."""
        if event.kind == "failed" and self._is_down(event.path):
            self._failed.add(event.path)
        elif event.kind in ("started", "restarted", "stopped"):
            self._failed.discard(event.path)

    def _is_down(self, path: str) -> bool:
        try:
            return self.system.inspect(path).state == "failed"
        except NoSuchActor:
            return False


def _pass_on(answer: Reply[R], saw: Callable[[R], None]) -> None:
    try:
        saw(answer.result())
    except (Exception, CancelledError) as error:  # cancelled: whoever was asked has stopped
        log.warning("no answer to how it is: %s", error)
