"""Agents: who answers in a session, and with what."""

from datetime import datetime
from typing import Any, Literal

from clawft.domain.values import UNSET, Name, UnsetType, Value

AgentStatus = Literal["running", "stopped", "error"]

DEFAULT_AGENT = "general-agent"
"""The agent every fresh host has."""


class AgentSpec(Value, frozen=True):
    """How an agent is defined, in a file of ``<data>/agents`` or in code."""

    name: Name
    id: str = ""
    """Empty: the name is the id."""
    description: str = ""
    model: str = ""
    """Empty: the model of ``agents.defaults`` in the config."""
    system_prompt: str = ""
    skills: tuple[str, ...] = ()
    tools: tuple[str, ...] | None = None
    """The tools it may use; None: every tool of the host."""
    config: dict[str, Any] = {}
    source: Literal["file", "code", "built-in"] = "code"

    @property
    def key(self) -> str:
        return self.id or self.name


class AgentSummary(Value, frozen=True):
    """What a list of agents shows."""

    id: str
    name: str
    status: AgentStatus
    model: str
    created_at: datetime


class AgentDetail(AgentSummary, frozen=True):
    """One agent, whole."""

    config: dict[str, Any]
    session_count: int
    description: str
    skills: tuple[str, ...]
    tools: tuple[str, ...] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    """Why the status is ``error``."""
