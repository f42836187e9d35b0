"""A host of conversations: the real runtime and store, models that do as the test says, plain others."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from clawft.actors.sessions import spawn_sessions
from clawft.domain.agents import AgentDetail, AgentSpec, AgentSummary
from clawft.domain.config import ConfigData
from clawft.domain.costs import Usage
from clawft.domain.events import ChunkAdded, Event, MessageAdded, StageChanged, StreamDone
from clawft.domain.models import Finished, ModelEvent, ModelRequest, TextDelta, ToolCalls
from clawft.domain.sessions import ChatMessage, ToolCallInfo
from clawft.domain.skills import SkillData
from clawft.domain.tools import Effect, ToolResult, ToolSpec
from clawft.domain.turns import Turn, TurnStory
from clawft.drivers.models.registry import Models
from clawft.errors import Conflict, NotFound
from clawft.messages.agents import Brief, GetAgent, ListAgents
from clawft.messages.config import ConfigTrouble, GetConfig
from clawft.messages.events import Publish, PublishAll
from clawft.messages.sessions import CreateSession, GetTurn, ListTurns, SendMessage
from clawft.messages.skills import ListSkills
from clawft.messages.tools import CallTool, ListTools, ToolSpecs
from clawft.runtime import Actor, Reply, System, on
from clawft.store import Store

PATIENCE = 10.0
"""Seconds after which a test gives up on what should have happened."""

Script = Callable[[ModelRequest], AsyncGenerator[ModelEvent, None]]


class Ticking:
    """A clock that goes on a millisecond each time it is read."""

    def __init__(self) -> None:
        self.now = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


class Scripted:
    """A model that plays its script, and keeps what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[ModelRequest] = []

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.requests.append(request)
        return self.script(request)


SPENT = Usage(10, 5, 0.03, 0.01, 0.02)


async def says(*pieces: str) -> AsyncGenerator[ModelEvent, None]:
    """The pieces, one after the other."""
    for piece in pieces:
        yield TextDelta(piece)
    yield Finished("end", SPENT)


async def calls(*wanted: ToolCallInfo, saying: str = "") -> AsyncGenerator[ModelEvent, None]:
    """Some words, and tools to be called."""
    if saying:
        yield TextDelta(saying)
    yield ToolCalls(wanted)
    yield Finished("tools", SPENT)


def echo(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
    """Says what was said."""
    return says("You said: ", request.messages[-1].content)


class Gate:
    """A model script that waits: ``reached`` once it is there, on when ``opened``."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def script(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("half an ")
        self.reached.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        yield TextDelta("answer")
        yield Finished("end", SPENT)


class Agents(Actor):
    """One agent, running or not."""

    def __init__(self, specs: dict[str, AgentSpec], stopped: set[str]) -> None:
        super().__init__()
        self._specs = specs
        self._stopped = stopped

    @on(Brief)
    def brief(self, message: Brief) -> AgentSpec:
        if message.id in self._stopped:
            raise Conflict(f"the agent {message.id} is stopped")
        return self._spec(message.id)

    @on(GetAgent)
    def get(self, message: GetAgent) -> AgentDetail:
        spec = self._spec(message.id)
        return AgentDetail(spec.key, spec.name, "running", spec.model, Ticking()(), {}, 0, "", ())

    @on(ListAgents)
    def all(self, _: ListAgents) -> tuple[AgentSummary, ...]:
        at = Ticking()()
        return tuple(AgentSummary(key, key, "running", spec.model, at) for key, spec in self._specs.items())

    def _spec(self, id: str) -> AgentSpec:
        if id not in self._specs:
            raise NotFound(f"no agent has the id {id}")
        return self._specs[id]


class Config(Actor):
    def __init__(self, talk: "Talk") -> None:
        super().__init__()
        self._talk = talk

    @on(GetConfig)
    def get(self, _: GetConfig) -> ConfigData:
        return self._talk.config

    @on(ConfigTrouble)
    def trouble(self, _: ConfigTrouble) -> str | None:
        return self._talk.config_trouble


class Skills(Actor):
    @on(ListSkills)
    def all(self, _: ListSkills) -> tuple[SkillData, ...]:
        return (
            SkillData("code-review", "1.0.0", "Reviews code", "us", (), True, True),
            SkillData("off", "1.0.0", "Is switched off", "us", (), True, False),
        )


class Tools(Actor):
    """Tools that are functions of the call."""

    concurrency = 100

    def __init__(
        self, tools: dict[str, Callable[[CallTool], Awaitable[ToolResult]]], effects: dict[str, Effect]
    ) -> None:
        super().__init__()
        self._tools = tools
        self._effects = effects

    @on(ToolSpecs)
    def specs(self, message: ToolSpecs) -> tuple[ToolSpec, ...]:
        names = self._tools if message.allowed is None else message.allowed
        return tuple(
            ToolSpec(name, name, {"type": "object"}, self._effects.get(name, "read"))
            for name in names
            if name in self._tools
        )

    @on(ListTools)
    def all(self, _: ListTools) -> tuple[Any, ...]:
        return tuple(self._tools)

    @on(CallTool)
    async def call(self, message: CallTool) -> ToolResult:
        return await self._tools[message.name](message)


class Events(Actor):
    """Keeps what was published."""

    def __init__(self, heard: list[Event]) -> None:
        super().__init__()
        self._heard = heard

    @on(Publish)
    def publish(self, note: Publish) -> None:
        self._heard.append(note.event)

    @on(PublishAll)
    def publish_all(self, note: PublishAll) -> None:
        self._heard.extend(note.events)


class Talk:
    """The host. ``model`` answers for ``script/model``, which is what the agent ``general-agent`` uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = Scripted(echo)
        self.models = Models()
        self.models.add("script", self.model)
        self.specs = {
            "general-agent": AgentSpec("general-agent", model="script/model", system_prompt="Be kind."),
            "offline-agent": AgentSpec("offline-agent", model="offline/rules-1"),
        }
        self.stopped: set[str] = set()
        self.config = ConfigData()
        self.config_trouble: str | None = None
        self.tools: dict[str, Callable[[CallTool], Awaitable[ToolResult]]] = {}
        self.effects: dict[str, Effect] = {}
        self.events: list[Event] = []
        self.system = System("talk")
        self.store: Store

    def start(self, **more: Any) -> None:
        self.system = System("talk")
        self.system.attach()
        self.store = Store.open(self.system, self.folder)
        self.system.spawn(Events, "events", self.events)
        self.system.spawn(Agents, "agents", self.specs, self.stopped)
        self.system.spawn(Config, "config", self)
        self.system.spawn(Skills, "skills")
        self.system.spawn(Tools, "tools", self.tools, self.effects)
        spawn_sessions(self.system, self.store, self.models, **{"now": Ticking(), **more})

    async def stop(self) -> None:
        self.store.close()
        left = await self.system.shutdown(5)
        assert left == (), left

    async def session(self, agent_id: str = "general-agent") -> str:
        return (await self.system.ask("sessions", CreateSession(agent_id))).key

    def send(self, key: str, content: str, **more: Any) -> Reply[ChatMessage]:
        return self.system.ask("sessions", SendMessage(key, content, **more))

    async def story(self, key: str) -> TurnStory:
        """Of the turn that came last."""
        turns = sorted(await self.turns(key), key=lambda turn: turn.created_at)
        return await self.system.ask("sessions", GetTurn(key, turns[-1].id))

    async def waits(self, key: str, content: str, **more: Any) -> Reply[ChatMessage]:
        """A message that is kept, and stands in line."""
        reply = self.send(key, content, **more)
        await self.until(lambda: f"user: {content}" in self.of(key))
        return reply

    def awake(self) -> list[str]:
        """Keys of the sessions that have an actor now."""
        paths = [status.path for status in self.system.tree()]
        return [path.removeprefix("sessions/") for path in paths if path.startswith("sessions/")]

    async def turns(self, key: str) -> tuple[Turn, ...]:
        return await self.system.ask("sessions", ListTurns(key))

    async def until(self, happened: Callable[[], Any]) -> None:
        """Wait for what happens by itself."""
        async with asyncio.timeout(PATIENCE):
            while not happened():
                await asyncio.sleep(0.002)

    def of(self, key: str) -> list[str]:
        """What was published about a session's messages, in short."""
        return [short for event in self.events if (short := _short(event, key))]

    def stages(self) -> list[str]:
        return [
            f"{event.change.stage} {event.change.status}"
            for event in self.events
            if isinstance(event, StageChanged)
        ]

    def use_tool(self, name: str, answer: Callable[[CallTool], Awaitable[ToolResult]]) -> None:
        self.tools[name] = answer

    def give_agent(self, **members: Any) -> None:
        self.specs["general-agent"] = replace(self.specs["general-agent"], **members)


def _short(event: Event, key: str) -> str:
    if isinstance(event, MessageAdded) and event.session_key == key:
        return f"{event.message.role}: {event.message.content}"
    if isinstance(event, ChunkAdded) and event.session_key == key:
        return f"chunk: {event.content}"
    if isinstance(event, StreamDone) and event.session_key == key:
        return "done"
    return ""


async def looks_like_nothing(call: CallTool) -> ToolResult:
    """A tool that finds nothing."""
    return ToolResult("nothing")
