"""Turns: one message from a user, and all that was done to answer it."""

from datetime import datetime
from typing import Literal

from clawft.domain.costs import Tier, Usage
from clawft.domain.pipeline import PipelineRun
from clawft.domain.sessions import ChatMessage
from clawft.domain.values import UNSET, UnsetType, Value

TurnState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
OPEN_STATES: tuple[TurnState, ...] = ("queued", "running")

TurnEnd = Literal[
    "answered",
    "tool_limit",
    "time_limit",
    "repeated_call",
    "model_error",
    "stopped",
    "client_gone",
    "session_deleted",
    "agent_stopped",
    "host_stopped",
    "host_died",
    "internal_error",
]
"""Why a turn ended: every end has exactly one of these."""


class Turn(Value, frozen=True):
    """One turn of a session, open or ended."""

    id: str
    session_key: str
    agent_id: str
    state: TurnState
    created_at: datetime
    started_at: datetime | UnsetType = UNSET
    ended_at: datetime | UnsetType = UNSET
    reason: TurnEnd | UnsetType = UNSET
    error: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    tier: int | UnsetType = UNSET
    complexity: float | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET


class ModelCall(Value, frozen=True):
    """One call to a model, counted where it was made, whether or not anything came of it."""

    provider: str
    model: str
    """Without the provider."""
    tier: Tier
    usage: Usage
    status: Literal["success", "error"]
    at: datetime


class EndedTurn(Value, frozen=True):
    """All that a turn leaves behind, kept together or not at all."""

    turn: Turn
    run: PipelineRun
    calls: tuple[ModelCall, ...] = ()
    message: ChatMessage | None = None
    """What the assistant said; None: it said nothing and did nothing."""
