"""One agent: the actor it is while it runs, and what its parent knows of it."""

from clawft.domain.agents import AgentDetail, AgentRecord, AgentSpec, AgentStatus, AgentSummary, briefed
from clawft.domain.config import AgentDefaults
from clawft.domain.values import UNSET
from clawft.errors import Conflict
from clawft.runtime import Actor, Ask, Ref, on


class Describe(Ask[AgentSpec], frozen=True):
    """What a turn needs to know, with these defaults where the definition says nothing."""

    defaults: AgentDefaults


class Agent(Actor):
    """Says what it is to those who take its turns. Once its parent has stopped it, it answers nobody."""

    def __init__(self, *, spec: AgentSpec) -> None:
        super().__init__()
        self._spec = spec

    @on(Describe)
    def describe(self, message: Describe) -> AgentSpec:
        return briefed(self._spec, message.defaults)


class Known:
    """An agent as its parent knows it, whether it runs or not."""

    __slots__ = ("crash", "record", "ref", "spec", "told", "trouble")

    def __init__(self, record: AgentRecord) -> None:
        self.record = record
        self.spec: AgentSpec | None = record.spec
        """The last good definition."""
        self.trouble = ""
        """What is wrong with its file now."""
        self.crash = ""
        """Why its actor is not restarted any more."""
        self.ref: Ref | None = None
        self.told: AgentStatus | None = None
        """The status that was last published."""

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def error(self) -> str:
        return self.crash or self.trouble

    @property
    def status(self) -> AgentStatus:
        if self.record.wanted == "stopped":
            return "stopped"
        return "error" if self.error else "running"

    def running(self) -> Ref:
        """Its actor. Raises ``Conflict`` where there is none that answers."""
        if self.status == "stopped":
            raise Conflict(f"the agent {self.id} is stopped")
        if self.ref is None or self.crash:
            raise Conflict(f"the agent {self.id} cannot answer: {self.error}")
        return self.ref

    def summary(self, defaults: AgentDefaults) -> AgentSummary:
        spec = self._definition(defaults)
        return AgentSummary(
            id=self.id,
            name=spec.name,
            status=self.status,
            model=spec.model,
            created_at=self.record.created_at,
        )

    def detail(self, defaults: AgentDefaults, sessions: int, warnings: tuple[str, ...]) -> AgentDetail:
        spec = self._definition(defaults)
        return AgentDetail(
            id=self.id,
            name=spec.name,
            status=self.status,
            model=spec.model,
            created_at=self.record.created_at,
            config=spec.config,
            session_count=sessions,
            description=spec.description,
            skills=spec.skills,
            tools=UNSET if spec.tools is None else spec.tools,
            error=self.error or UNSET,
            warnings=warnings or UNSET,
        )

    def _definition(self, defaults: AgentDefaults) -> AgentSpec:
        return briefed(self.spec or AgentSpec(name=self.id), defaults)
