"""The pipeline: six stages from what a person said to what is known of how the answer went."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from msgspec.structs import replace

from clawft.actors.around import Around
from clawft.actors.asking import Asking
from clawft.actors.asks import Asks
from clawft.actors.assembler import Assembler
from clawft.actors.chunks import Chunks
from clawft.actors.clock import Clock
from clawft.actors.guards import Guard, LimitReached, Whose
from clawft.actors.progress import Progress
from clawft.actors.story import Story
from clawft.actors.transport import Transport
from clawft.domain.agents import AgentSpec
from clawft.domain.complexity import complexity
from clawft.domain.config import ConfigData
from clawft.domain.costs import Usage
from clawft.domain.events import ChunkAdded, Event, StageChanged
from clawft.domain.models import split_model
from clawft.domain.pipeline import Stage, StageChange, StageStatus
from clawft.domain.routing import Kind, Route, Tries, kind_of, route
from clawft.domain.scoring import GOOD, score
from clawft.domain.transforms import BOOSTER, Transformed, transformed
from clawft.domain.turns import ModelCall, TurnEnd
from clawft.drivers.models.registry import Found, Models
from clawft.errors import ClawftError, Conflict, ModelFailed
from clawft.messages.agents import Brief
from clawft.messages.config import GetConfig
from clawft.messages.delegation import ChooseTarget
from clawft.runtime import Reply
from clawft.store.outcomes import OutcomeStore
from clawft.store.sessions import SessionStore
from clawft.store.turns import TurnStore

log = logging.getLogger(__name__)

TIME_LIMIT = 270.0
"""Seconds a turn may take: less than the 300 a POST waits, so that the end is told to whoever asked."""

PARKED_AFTER = 1.0
"""Seconds a guard may take before the turn counts as parked: it waits for a person, its asker may leave."""

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
    rules: bool = False
    """Whether there is a ``delegation`` to be asked for rules."""


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
        agent: AgentSpec | None = None,
    ) -> None:
        self._whose = whose
        self._id = whose.turn_id
        self._content = content
        self._session = session = whose.session
        self._place = place
        self._agent = agent
        self._parts = parts
        self._ask = ask
        self._publish = publish
        self._began = perf_counter()
        self._kind: Kind = "chat"
        self._config = ConfigData()
        self._deadline: asyncio.Timeout | None = None
        self._parked_since: float | None = None
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
        self._learn(worth)
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
            agent = self._agent
            if agent is None:
                agent = await self._ask("agents", Brief(self._session.agent_id))
            self._config = await self._ask("config", GetConfig())
            target = self._made_by_rule() or await self._found(agent)
        if isinstance(target, Transformed):
            self._tell_made(target)
        else:
            await self._converse(agent, target)

    async def _converse(self, agent: AgentSpec, found: Found) -> None:
        story, around = self.progress.story, self._around()
        tier = self.progress.route.tier if self.progress.route else 3
        asking = Asking(found, tier, story=story, around=around, others=self._others(found))
        with self._stage("assembler"):
            assembler = Assembler(agent, self._config.pipeline, asking=asking, story=story, around=around)
            request, shown = await assembler.assemble(
                self._content, self._ask, self._parts.sessions, self._place.waiting()
            )
        with self._stage("transport"):
            await Transport(asking, progress=self.progress, around=around).converse(request, shown)

    # -- the stages

    def _made_by_rule(self) -> Transformed | None:
        """What a rule makes of the request. A session that was made for one model is answered by that."""
        if self._session.model or not self._config.pipeline.booster:
            return None
        made = transformed(self._content)
        if made is not None:
            self.progress.route = Route(BOOSTER, 1)
        return made

    def _tell_made(self, made: Transformed) -> None:
        """The stages of a request that needs no model: its answer is counted, and costs nothing."""
        story = self.progress.story
        with self._stage("assembler"):
            number = story.begin("transform", made.rule, tier=1)
        with self._stage("transport"):
            self.progress.chunks.add(made.text)
            call = ModelCall(*split_model(BOOSTER), 1, Usage(), "success", self._parts.now())
            story.calls.append(call)
            story.spent(number, call, made.text)
            story.end(number, "done")

    async def _found(self, agent: AgentSpec) -> Found:
        self.progress.route = chosen = await self._route(agent)
        return self._find(chosen.model)

    async def _route(self, agent: AgentSpec) -> Route:
        fixed = bool(self._session.model)
        return route(
            self._session.model or agent.model,
            self._config.pipeline,
            self.progress.complexity or 0.0,
            fixed=fixed,
            rule="" if fixed else await self._ruled(),
            tries=await self._tries(),
        )

    async def _ruled(self) -> str:
        """The model that a delegation rule names for this kind of request; empty: none does."""
        if not self._parts.rules:
            return ""
        choice = await self._ask("delegation", ChooseTarget(self._kind, self.progress.complexity or 0.0))
        if choice is None or not split_model(choice.target)[0]:
            return ""  # an agent: that is for tasks that are handed on
        return choice.target

    async def _tries(self) -> Tries:
        """What was learnt of this kind, where there is a choice that it may change."""
        pipeline = self._config.pipeline
        if not (pipeline.learner and pipeline.fast_model and pipeline.strong_model):
            return {}
        known = await self._parts.outcomes.of(self._kind)
        return {outcome.model: (outcome.tries, outcome.successes) for outcome in known}

    def _find(self, model: str) -> Found:
        found = self._parts.models.find(model)
        provider = self._config.providers.get(found.provider)
        if provider is not None and not provider.enabled:
            raise ModelFailed(
                f"the provider {found.provider} of {model} is switched off in the config", reason="disabled"
            )
        return found

    def _others(self, found: Found) -> tuple[Found, ...]:
        """Who is asked, in this order, when the first one gives no answer."""
        others = (self._parts.models.find(name) for name in self._config.pipeline.fallbacks)
        return tuple(other for other in others if other.full_name != found.full_name)

    def _around(self) -> Around:
        return Around(
            whose=self._whose,
            now=self._parts.now,
            tools=lambda call: self._ask("tools", call),
            ask=self._ask,
            guards=self._parts.guards,
            parked=self._parked,
            keep=self._place.keep,
            said_meanwhile=self._place.said_meanwhile,
            ends_after_step=self._place.ends_after_step,
        )

    @contextmanager
    def _parked(self) -> Iterator[None]:
        """The time spent inside is not the turn's."""
        deadline, loop = self._deadline, asyncio.get_running_loop()
        if deadline is None or (until := deadline.when()) is None:
            yield
            return
        self._parked_since = loop.time()
        left = until - self._parked_since
        deadline.reschedule(None)
        try:
            yield
        finally:
            self._parked_since = None
            deadline.reschedule(loop.time() + left)

    @property
    def is_parked(self) -> bool:
        """Whether it has waited for somebody's leave for longer than a program takes to give it, and a client
        asked for it: what a parent or a job asked for ends with them."""
        if self._parked_since is None or not self._whose.request_id or self._session.parent_key:
            return False
        return asyncio.get_running_loop().time() - self._parked_since > PARKED_AFTER

    def _score(self, end: TurnEnd) -> float:
        progress = self.progress
        calls = len(progress.tool_calls)
        return score(end, said=progress.chunks.text, calls=calls, failed_calls=progress.failed_calls)

    def _learn(self, worth: float) -> None:
        """What cannot be kept of it is told and costs nobody the answer."""
        try:
            with self._stage("learner"):
                self._record(worth)
        except Exception as error:
            log.warning("nothing was learnt from turn %s: %s", self._id, error)

    def _record(self, worth: float) -> None:
        chosen = self.progress.route
        if chosen is None or not self._config.pipeline.learner:
            return
        kept = self._parts.outcomes.record(
            self._kind, chosen.model, good=worth >= GOOD, latency_ms=self.latency_ms
        )
        if kept.done():
            kept.result()
        else:
            kept.add_done_callback(self._look_at)  # the answer need not wait for it

    def _look_at(self, kept: Reply[None]) -> None:
        try:
            kept.result()
        except Exception as error:
            log.warning("nothing was learnt from turn %s: %s", self._id, error)

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
