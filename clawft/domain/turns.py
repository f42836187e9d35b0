"""Turns: one message from a user, and all that was done to answer it."""

from datetime import datetime
from typing import Literal

from clawft.domain.costs import Usage
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
