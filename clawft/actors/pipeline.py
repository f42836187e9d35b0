"""The pipeline: six stages from what a person said to what is known of how the answer went."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from clawft.actors.around import Around
from clawft.actors.chunks import Chunks
from clawft.actors.clock import Clock
from clawft.actors.guards import Guard, LimitReached, Whose
from clawft.actors.progress import Progress
from clawft.actors.story import Story
from clawft.actors.transport import Transport
from clawft.domain.agents import AgentSpec
from clawft.domain.complexity import complexity
from clawft.domain.config import AgentDefaults, ConfigData
from clawft.domain.context import history, system_prompt, taken_before
from clawft.domain.events import ChunkAdded, Event, StageChanged
from clawft.domain.models import ModelMessage, ModelRequest
from clawft.domain.pipeline import Stage, StageChange, StageStatus
from clawft.domain.routing import Kind, Route, kind_of, route
from clawft.domain.scoring import GOOD, score
from clawft.domain.skills import SkillData
from clawft.domain.turns import TurnEnd
from clawft.drivers.models.registry import Found, Models
from clawft.errors import ClawftError, Conflict, Invalid, ModelFailed
from clawft.messages.agents import Brief
from clawft.messages.config import GetConfig
from clawft.messages.skills import ListSkills
from clawft.messages.tools import ToolSpecs
from clawft.runtime import Ask, Reply
from clawft.store.outcomes import OutcomeStore
from clawft.store.sessions import SessionStore
from clawft.store.turns import TurnStore

log = logging.getLogger(__name__)

R = TypeVar("R")

TIME_LIMIT = 270.0
"""Seconds a turn may take: less than the 300 a POST waits, so that the end is told to whoever asked."""

HISTORY_TOKENS = 24_000
"""About how much of the conversation a model is shown."""

HISTORY_MESSAGES = 400
"""How many messages are read for that."""


class Asks(Protocol):
    """Asks another actor."""

    def __call__(self, target: str, message: Ask[R]) -> Reply[R]: ...


Publishes = Callable[[Event], None]


@dataclass(frozen=True)
class Parts:
    """What every turn of the host needs."""

    sessions: SessionStore
    turns: TurnStore
    outcomes: OutcomeStore
    models: Models
    now: Clock
    time_limit: float = TIME_LIMIT
    guards: tuple[Guard, ...] = ()
    """Asked before every call of a model or a tool."""


@dataclass(frozen=True)
class Ending:
    """How a turn ended. ``error`` is what whoever asked is told instead of an answer."""

    end: TurnEnd
    error: ClawftError | None = None
    words: str = ""
    """Put at the end of the answer, in the place of the usual ones."""


class Place(Protocol):
    """What a pipeline wants to know of, and of the session its turn stands in."""

    async def keep(self) -> None:
        """Returns when all that the turn has done so far is on the disk."""

    async def said_meanwhile(self) -> tuple[str, ...]:
        """Messages for the model that came since; they belong to this turn now."""

    def ends_after_step(self) -> bool:
        """Whether the turn was asked to go no further than the step it is in."""

    def waiting(self) -> frozenset[str]:
        """Ids of the turns that wait behind this one."""


class Pipeline:
    """The way of one turn through the stages. Runs once."""

    def __init__(
        self,
        whose: Whose,
        content: str,
        *,
        place: Place,
        parts: Parts,
        ask: Asks,
        publish: Publishes,
        first_step: int = 0,
    ) -> None:
        self._whose = whose
        self._id = whose.turn_id
        self._content = content
        self._session = session = whose.session
        self._place = place
        self._parts = parts
        self._ask = ask
        self._publish = publish
        self._began = perf_counter()
        self._kind: Kind = "chat"
        self._config = ConfigData()
        self._deadline: asyncio.Timeout | None = None
        chunks = Chunks(lambda text: publish(ChunkAdded(session.key, text)))
        self.progress = Progress(chunks, Story(parts.now, first_step))

    @property
    def latency_ms(self) -> int:
        """Since it began."""
        return round((perf_counter() - self._began) * 1000)

    async def run(self) -> Ending:
        """Every end is an ``Ending`` except being cancelled: then ``progress`` says how far it was."""
        self._began = perf_counter()
        with self._stage("classifier"):
            self._kind = kind_of(self._content)
            self.progress.complexity = complexity(self._content)
        ending = await self._answered()
        self.progress.chunks.flush()
        with self._stage("scorer"):
            worth = self._score(ending.end)
        await self._learn(worth)
        return ending

    async def _answered(self) -> Ending:
        try:
            async with asyncio.timeout(self._parts.time_limit) as self._deadline:
                await self._answer()
        except LimitReached as limit:
            return Ending(limit.end, words=limit.words)
        except TimeoutError:
            return Ending("time_limit")
        except Conflict as error:
            return Ending("agent_stopped", error)
        except ModelFailed as error:
            return Ending("model_error", error)
        except ClawftError as error:
            return Ending("internal_error", error)
        except Exception:
            log.exception("turn %s failed", self._id)
            return Ending("internal_error", ClawftError("the turn failed inside the host; its log says why"))
        return Ending("answered")

    async def _answer(self) -> None:
        with self._stage("router"):
            agent = await self._ask("agents", Brief(self._session.agent_id))
            self._config = await self._ask("config", GetConfig())
            chosen = self._route(agent)
            found = self._find(chosen)
        with self._stage("assembler"):
            request = await self._assemble(agent, found)
        with self._stage("transport"):
            await self._transport(found, chosen).converse(request)

    # -- the stages

    def _route(self, agent: AgentSpec) -> Route:
        chosen = route(
            self._session.model or agent.model,
            self._config.pipeline,
            self.progress.complexity or 0.0,
            fixed=bool(self._session.model),
        )
        self.progress.route = chosen
        return chosen

    def _find(self, chosen: Route) -> Found:
        found = self._parts.models.find(chosen.model)
        provider = self._config.providers.get(found.provider)
        if provider is not None and not provider.enabled:
            raise ModelFailed(
                f"the provider {found.provider} of {chosen.model} is switched off in the config"
            )
        return found

    async def _assemble(self, agent: AgentSpec, found: Found) -> ModelRequest:
        tools = await self._ask("tools", ToolSpecs(agent.tools))
        rows = await self._parts.sessions.latest(self._session.key, HISTORY_MESSAGES)
        prompt = system_prompt(agent, await self._skills(agent))
        earlier = taken_before(rows, self._id, self._place.waiting())
        shown = history(earlier, HISTORY_TOKENS)
        limits = _limits(agent)
        return ModelRequest(
            model=found.name,
            messages=(ModelMessage("system", prompt), *shown, ModelMessage("user", self._content)),
            tools=tools,
            max_tokens=limits.max_tokens,
            temperature=limits.temperature,
        )

    async def _skills(self, agent: AgentSpec) -> tuple[SkillData, ...]:
        return await self._ask("skills", ListSkills()) if agent.skills else ()

    def _transport(self, found: Found, chosen: Route) -> Transport:
        around = Around(
            whose=self._whose,
            now=self._parts.now,
            tools=lambda call: self._ask("tools", call),
            guards=self._parts.guards,
            parked=self._parked,
            keep=self._place.keep,
            said_meanwhile=self._place.said_meanwhile,
            ends_after_step=self._place.ends_after_step,
        )
        return Transport(found, chosen.tier, progress=self.progress, around=around)

    @contextmanager
    def _parked(self) -> Iterator[None]:
        """The time spent inside is not the turn's."""
        deadline, loop = self._deadline, asyncio.get_running_loop()
        if deadline is None or (until := deadline.when()) is None:
            yield
            return
        left = until - loop.time()
        deadline.reschedule(None)
        try:
            yield
        finally:
            deadline.reschedule(loop.time() + left)

    def _score(self, end: TurnEnd) -> float:
        progress = self.progress
        calls = len(progress.tool_calls)
        return score(end, said=progress.chunks.text, calls=calls, failed_calls=progress.failed_calls)

    async def _learn(self, worth: float) -> None:
        """What cannot be kept of it is told and costs nobody the answer."""
        try:
            with self._stage("learner"):
                await self._record(worth)
        except Exception as error:
            log.warning("nothing was learnt from turn %s: %s", self._id, error)

    async def _record(self, worth: float) -> None:
        chosen = self.progress.route
        if chosen is None or not self._config.pipeline.learner:
            return
        await self._parts.outcomes.record(
            self._kind, chosen.model, good=worth >= GOOD, latency_ms=self.latency_ms
        )

    @contextmanager
    def _stage(self, stage: Stage) -> Iterator[None]:
        """Tells of the beginning and the end of a stage, well or not."""
        began = perf_counter()
        status: StageStatus = "error"
        change = StageChange(self._id, stage, "active")
        self._publish(StageChanged(change))
        try:
            yield
            status = "completed"
        finally:
            took = round((perf_counter() - began) * 1000, 3)
            self._publish(StageChanged(replace(change, status=status, duration_ms=took)))


def _limits(agent: AgentSpec) -> AgentDefaults:
    """What the agent's own config says of every call; it is a free form, so it may be wrong."""
    named = {name: agent.config[name] for name in ("max_tokens", "temperature") if name in agent.config}
    try:
        return msgspec.convert(named, AgentDefaults)
    except msgspec.ValidationError as error:
        raise Invalid(f"the config of the agent {agent.key} is wrong: {error}") from error
