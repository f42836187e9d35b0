"""What can be asked of agents."""

from clawft.domain.agents import AgentDetail, AgentSpec, AgentSummary
from clawft.domain.values import Ok
from clawft.runtime import Ask, Tell


class ListAgents(Ask[tuple[AgentSummary, ...]], frozen=True):
    """Every agent, by name."""


class GetAgent(Ask[AgentDetail], frozen=True):
    """One agent, whole."""

    id: str


class StartAgent(Ask[Ok], frozen=True):
    """Have it take messages again. Starting a running agent changes nothing."""

    id: str


class StopAgent(Ask[Ok], frozen=True):
    """Stop it and the turns it is taking. Stopping a stopped agent changes nothing."""

    id: str


class SpawnAgent(Ask[AgentSummary], frozen=True):
    """Define an agent from code and start it; an agent with that id is replaced."""

    spec: AgentSpec


class RemoveAgent(Ask[Ok], frozen=True):
    """Stop an agent that came from code and forget it."""

    id: str


class Brief(Ask[AgentSpec], frozen=True):
    """What a turn needs to know of an agent. Refused with a conflict when it is not running."""

    id: str


class AgentsChanged(Tell, frozen=True):
    """The files in ``<data>/agents`` may not be what they were: look."""
