"""Sessions and agents that say what a test wants to hear, for the actors that hold conversations."""

import asyncio
from dataclasses import dataclass, field

from clawft.domain.agents import AgentSpec
from clawft.domain.sessions import ChatMessage, SessionSummary
from clawft.errors import ClawftError, Conflict, NotFound
from clawft.messages.agents import Brief
from clawft.messages.sessions import OpenSession, SendMessage
from clawft.runtime import Actor, on
from tests.actors.moments import NOW


@dataclass
class Talk:
    """What was said, and the gate behind which ``wait`` waits."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    opened: list[OpenSession] = field(default_factory=list)
    sent: list[SendMessage] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    """Keys of the sessions whose asker gave up."""


class Sessions(Actor):
    """Answers at once; holds ``wait`` until the gate is open, and fails at ``fail``."""

    concurrency = 100

    def __init__(self, talk: Talk) -> None:
        super().__init__()
        self.talk = talk

    @on(OpenSession)
    def open(self, ask: OpenSession) -> SessionSummary:
        if ask.agent_id == "nobody":
            raise NotFound("no agent has the id nobody")
        self.talk.opened.append(ask)
        return SessionSummary(ask.key, ask.agent_id, 0, NOW)

    @on(SendMessage)
    async def send(self, ask: SendMessage) -> ChatMessage:
        self.talk.sent.append(ask)
        try:
            await self._answer(ask.content)
        except asyncio.CancelledError:
            self.talk.cancelled.append(ask.key)
            raise
        return ChatMessage("assistant", f"done: {ask.content}", NOW)

    async def _answer(self, content: str) -> None:
        if "wait" in content:
            await self.talk.gate.wait()
        if "fail" in content:
            raise ClawftError("the model does not answer")
        if "break" in content:
            raise RuntimeError("a bug")


class Agents(Actor):
    """Knows ``general-agent`` and ``planner``; ``sleeper`` is stopped."""

    @on(Brief)
    def brief(self, ask: Brief) -> AgentSpec:
        if ask.id == "sleeper":
            raise Conflict("the agent sleeper is stopped")
        if ask.id not in ("general-agent", "planner"):
            raise NotFound(f"no agent has the id {ask.id}")
        return AgentSpec(ask.id)
