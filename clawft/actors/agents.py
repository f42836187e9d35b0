"""The one who keeps the agents: follows their files, starts and stops them, and says how each is."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from msgspec.structs import replace

from clawft.actors.agent import Agent, Describe, Known
from clawft.actors.agent_records import AgentRecords
from clawft.actors.clock import Clock, utc_now
from clawft.actors.missing import missing
from clawft.actors.publish import publish
from clawft.actors.whole import whole
from clawft.domain.agents import (
    AgentDetail,
    AgentFile,
    AgentSpec,
    AgentSummary,
    Definition,
    checked,
    settle,
)
from clawft.domain.config import AgentDefaults
from clawft.domain.events import AgentStatusChanged
from clawft.domain.values import Ok
from clawft.drivers.agent_files import AgentFolder
from clawft.errors import Conflict, NotFound
from clawft.messages.agents import (
    AgentsChanged,
    Brief,
    GetAgent,
    ListAgents,
    RemoveAgent,
    SpawnAgent,
    StartAgent,
    StopAgent,
)
from clawft.messages.config import ConfigChanged, WatchConfig
from clawft.messages.sessions import StopAgentTurns
from clawft.runtime import Actor, ChildFailed, Reply, Restart, on
from clawft.runtime.supervision import Strategy
from clawft.store.agents import AgentStore
from clawft.store.sessions import SessionStore

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


class Agents(Actor):
    """The parent of every ``agents/<id>``.

    An agent is a file's or code's. A file that breaks is shown as its agent's error, and the definition it
    gave last goes on; an agent from code is in the store. Whether an agent is to run survives a restart.
    """

    concurrency = 16
    """So that a turn can be briefed while another agent is being started."""
    look_every = 1.0
    """Seconds between two looks at the files."""
    supervision: Strategy = Restart()
    """Of each agent."""

    def __init__(
        self, *, store: AgentStore, sessions: SessionStore, folder: AgentFolder, now: Clock = utc_now
    ) -> None:
        super().__init__()
        self._records = AgentRecords(store, now)
        self._sessions = sessions
        self._folder = folder
        self._defaults = AgentDefaults()
        self._known: dict[str, Known] = {}
        self._files: tuple[AgentFile, ...] = ()
        self._defined: dict[str, Definition] = {}
        """What the files define, as far as it has been followed."""
        self._behind = True
        """Whether the files say something that has not been followed yet."""
        self._complaint = ""
        self._changing = asyncio.Lock()

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        config = await self.ask("config", WatchConfig(path=self.path))
        self._defaults = config.agents.defaults
        for record in await self._records.load():
            await self._show(Known(record))
        await self._read_files()
        if not self._files and not self._known:
            await self.blocking(self._folder.write_default)
            await self._read_files()
        await self._follow()
        self.every(self.look_every, AgentsChanged())

    # -- what others ask

    @on(ListAgents)
    def all(self, _: ListAgents) -> tuple[AgentSummary, ...]:
        summaries = (known.summary(self._defaults) for known in self._known.values())
        return tuple(sorted(summaries, key=lambda summary: (summary.name, summary.id)))

    @on(Brief)
    def brief(self, message: Brief) -> Reply[AgentSpec]:
        return self.ask(self._find(message.id).running(), Describe(self._defaults))

    @on(GetAgent)
    async def detail(self, message: GetAgent) -> AgentDetail:
        known = self._find(message.id)
        sessions = await self._sessions.count_by_agent()
        return known.detail(self._defaults, sessions.get(known.id, 0), await missing(self, known.spec))

    # -- what the operator wants

    @on(StartAgent)
    async def start_agent(self, message: StartAgent) -> Ok:
        await self._change(self._start_one, message.id)
        return Ok()

    async def _start_one(self, id: str) -> None:
        known = self._find(id)
        if known.spec is None:
            raise Conflict(f"the agent {id} cannot be started: {known.error}")
        if known.record.wanted == "running" and not known.crash:
            return
        known.record = await self._records.want(known.record, "running")
        await self._show(known)

    @on(StopAgent)
    async def stop_agent(self, message: StopAgent) -> Ok:
        await self._change(self._stop_one, message.id)
        return Ok()

    async def _stop_one(self, id: str) -> None:
        known = self._find(id)
        if known.record.wanted == "stopped":
            return
        known.record = await self._records.want(known.record, "stopped")
        await self._halt(known)
        self._tell_status(known)

    @on(SpawnAgent)
    async def spawn_agent(self, message: SpawnAgent) -> AgentSummary:
        known = await self._change(self._spawn_one, checked(message.spec))
        return known.summary(self._defaults)

    async def _spawn_one(self, spec: AgentSpec) -> Known:
        if definition := self._defined.get(spec.key):
            raise Conflict(f"the agent {spec.key} is defined by the file {definition.file}; change it there")
        record = await self._records.of_code(spec)
        known = self._known.get(spec.key) or Known(record)
        known.record, known.spec = record, spec
        await self._show(known)
        return known

    @on(RemoveAgent)
    async def remove_agent(self, message: RemoveAgent) -> Ok:
        await self._change(self._remove, message.id)
        return Ok()

    async def _remove(self, id: str) -> None:
        self._find(id)
        if definition := self._defined.get(id):
            raise Conflict(f"the agent {id} is defined by the file {definition.file}; delete that")
        await self._records.forget(id)
        await self._drop(id)
        self._behind = True  # a file that wanted the same id may have it now

    # -- what changes by itself

    @on(ConfigChanged)
    def config_changed(self, message: ConfigChanged) -> None:
        self._defaults = message.config.agents.defaults

    @on(ChildFailed)
    def child_failed(self, message: ChildFailed) -> None:
        """An agent's actor failed more often than it is restarted for."""
        known = self._known.get(message.path.removeprefix(f"{self.path}/"))
        if known is not None and known.ref is not None:
            known.crash = f"{type(message.error).__name__}: {message.error}"
            self._tell_status(known)

    @on(AgentsChanged)
    async def look(self, _: AgentsChanged) -> None:
        if self._changing.locked():
            return  # the next look comes soon; those that wait here would keep others out
        try:
            await self._change(self._look)
            self._complaint = ""
        except Exception as error:
            # Whatever is wrong with a folder or the store, the agents that run go on; so does the looking.
            self._complain(f"the files of the agents could not be followed: {error}")
        self._look_for_recovered()

    async def _look(self) -> None:
        await self._read_files()
        if self._behind:
            await self._follow()

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning("%s", complaint)

    def _look_for_recovered(self) -> None:
        """An actor that was given up may have been restarted by an operator."""
        for known in self._known.values():
            if known.crash and self.system.inspect(f"{self.path}/{known.id}").state != "failed":
                known.crash = ""
                self._tell_status(known)

    async def _read_files(self) -> None:
        files = await self.blocking(self._folder.changes)
        if files is not None:
            self._files, self._behind = files, True

    async def _follow(self) -> None:
        """Make the agents what the files say. Done again after half of it failed, it comes to the same."""
        code = [known.id for known in self._known.values() if known.record.source == "code"]
        found = settle(self._files, self._defined, code)
        for id in self._defined.keys() - found.keys():
            await self._drop(id)
        for definition in found.values():
            await self._adopt(definition)
        if all(file.spec for file in self._files):
            # Not while one is broken: the agent it used to define may be among those that are not seen now.
            await self._records.forget_all_but({*found, *code})
        self._defined, self._behind = found, False

    async def _adopt(self, definition: Definition) -> None:
        known = self._known.get(definition.id)
        if known is None:
            known = Known(await self._records.of_file(definition.id))
        if definition.error and definition.error != known.trouble:
            log.warning("the agent %s: %s", known.id, definition.error)
        known.trouble = definition.error
        if known.spec != definition.spec or known.told is None:
            known.spec = definition.spec
            await self._show(known)
        self._tell_status(known)

    # -- what all of that is made of

    def _find(self, id: str) -> Known:
        known = self._known.get(id)
        if known is None:
            raise NotFound(f"no agent has the id {id}")
        return known

    async def _change(self, work: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **rest: P.kwargs) -> R:
        """One change after the other, each of them whole."""
        async with self._changing:
            return await whole(work(*args, **rest))

    async def _show(self, known: Known) -> None:
        """List it, and have it run as it is defined now, if it is to run."""
        self._known[known.id] = known
        await self._end_actor(known)
        if known.spec is not None and known.record.wanted == "running":
            known.ref = self.spawn(Agent, known.id, supervision=self.supervision, spec=known.spec)
        self._tell_status(known)

    async def _end_actor(self, known: Known) -> None:
        ref, known.ref, known.crash = known.ref, None, ""
        if ref is not None:
            ref.halt("stopped")
            await ref.stopped(1.0)

    async def _halt(self, known: Known) -> None:
        """Stop it, and whatever turns it is taking."""
        await self._end_actor(known)
        self.tell("sessions", StopAgentTurns(agent_id=known.id))

    async def _drop(self, id: str) -> None:
        known = self._known.pop(id, None)
        if known is not None:
            await self._halt(known)
            known.record = replace(known.record, wanted="stopped")
            self._tell_status(known)

    def _tell_status(self, known: Known) -> None:
        if known.status != known.told:
            known.told = known.status
            publish(self, AgentStatusChanged(agent_id=known.id, status=known.status))
