"""Assembler: what a model is shown of an agent, its tools and the conversation."""

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from clawft.actors.around import Around
from clawft.actors.asking import Asking
from clawft.actors.asks import Asks
from clawft.actors.guards import LimitReached
from clawft.actors.story import Story
from clawft.domain.agents import AgentSpec
from clawft.domain.compaction import SUMMARY_TOKENS, is_worth_it, order, parted
from clawft.domain.config import AgentDefaults, PipelineConfig
from clawft.domain.context import (
    Said,
    Shown,
    estimate_tokens,
    history,
    system_prompt,
    taken_before,
    turn_size,
)
from clawft.domain.models import ModelMessage, ModelRequest
from clawft.domain.skills import SkillData
from clawft.errors import Invalid, ModelFailed
from clawft.messages.skills import ListSkills
from clawft.messages.tools import ToolSpecs
from clawft.store.sessions import SessionStore

log = logging.getLogger(__name__)

HISTORY_TOKENS = 24_000
"""About how much of the conversation a model is shown at the most."""

HISTORY_MESSAGES = 400
"""How many messages are read for that."""

PATIENCE = 60.0
"""Seconds a summary may take. Without one the turn goes on all the same."""


class Limits(AgentDefaults, frozen=True, forbid_unknown_fields=True):
    """What an agent's own config says of every call."""

    context_tokens: int = 0
    """0: as the pipeline's config says."""


class Assembler:
    """Puts together the first call of one turn, within what the model has room for."""

    def __init__(
        self, agent: AgentSpec, pipeline: PipelineConfig, *, asking: Asking, story: Story, around: Around
    ) -> None:
        self._agent = agent
        self._pipeline = pipeline
        self._asking = asking
        self._story = story
        self._around = around
        self._session = around.whose.session

    async def assemble(
        self, content: str, ask: Asks, sessions: SessionStore, waiting: frozenset[str]
    ) -> tuple[ModelRequest, Shown]:
        """The request without its messages, and what it shows."""
        limits = _limits(self._agent)
        tools = await ask("tools", ToolSpecs(self._agent.tools, self._session.key))
        skills: tuple[SkillData, ...] = await ask("skills", ListSkills()) if self._agent.skills else ()
        whole = limits.context_tokens or self._pipeline.context_tokens
        described = estimate_tokens(msgspec.json.encode(tools).decode())
        room = whole - min(limits.max_tokens, whole // 4) - min(described, whole // 2)
        latest = await sessions.latest(self._session.key, HISTORY_MESSAGES)
        earlier = taken_before(latest.messages, self._around.whose.turn_id, waiting)
        summary, kept = await self._compacted(latest.summary, earlier, room, sessions)
        request = ModelRequest(
            model=self._asking.model,
            messages=(),
            tools=tools,
            max_tokens=limits.max_tokens,
            temperature=limits.temperature,
        )
        prompt = ModelMessage("system", system_prompt(self._agent, skills, summary))
        return request, Shown(prompt, history(kept), (ModelMessage("user", content),), room)

    async def _compacted(
        self, summary: str, turns: Sequence[Sequence[Said]], room: int, sessions: SessionStore
    ) -> tuple[str, Sequence[Sequence[Said]]]:
        """The summary and the turns to be shown. What no longer fits is summed up, or else left out for good.

        Either way that is kept, so that it is not tried again with every message.
        """
        old, kept = parted(turns, min(HISTORY_TOKENS, room // 2))
        if not old:
            return summary, kept
        if self._pipeline.compaction:
            summary = await self._summed_up(summary, old, room) or summary
        upto = kept[0][0].seq - 1 if kept else old[-1][-1].seq
        await sessions.sum_up(self._session.key, upto, summary, self._around.now())
        return summary, kept

    async def _summed_up(self, summary: str, old: Sequence[Sequence[Said]], room: int) -> str | None:
        """A summary that is worth it; None: there is none, whatever the reason."""
        before = estimate_tokens(summary) + sum(map(turn_size, old))
        request = ModelRequest(
            model=self._asking.model,
            messages=(order(summary, old, room // 2),),
            max_tokens=SUMMARY_TOKENS,
            temperature=0.0,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                text = (await self._asking.ask(request, kind="compaction")).text
        except (ModelFailed, LimitReached, TimeoutError) as error:
            log.warning("the session %s could not be summed up: %s", self._session.key, error)
            self._story.fail_running("compaction", "no_summary")
            return None
        worth_it = is_worth_it(before, text)
        self._story.measured("compaction", before, estimate_tokens(text), "" if worth_it else "no_gain")
        return text if worth_it else None


def _limits(agent: AgentSpec) -> Limits:
    """What the agent's own config says of every call; it is a free form, so it may be wrong."""
    named = {
        name: agent.config[name]
        for name in ("max_tokens", "temperature", "context_tokens")
        if name in agent.config
    }
    try:
        return msgspec.convert(named, Limits)
    except msgspec.ValidationError as error:
        raise Invalid(f"the config of the agent {agent.key} is wrong: {error}") from error
