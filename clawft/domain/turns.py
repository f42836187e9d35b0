"""Turns: one message from a user, and all that was done to answer it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from clawft.domain.costs import Tier, Usage
from clawft.domain.pipeline import PipelineRun
from clawft.domain.sessions import ChatMessage, Mode
from clawft.domain.steps import Step
from clawft.domain.values import UNSET, UnsetType, Value

TurnState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted", "merged"]
OPEN_STATES: tuple[TurnState, ...] = ("queued", "running")

TurnEnd = Literal[
    "answered",
    "tool_limit",
    "time_limit",
    "repeated_call",
    "context_full",
    "budget_reached",
    "model_error",
    "stopped",
    "superseded",
    "merged",
    "client_gone",
    "session_deleted",
    "agent_stopped",
    "host_stopped",
    "host_died",
    "internal_error",
]
"""Why a turn ended: every end has exactly one of these."""

MOST_ATTEMPTS = 2
"""How often a turn may begin: once, and once more after the host died under it."""

MOST_CALLS = 25
"""Tools one turn may call."""

SAME_CALL = 3
"""The same call with the same arguments, asked for this often, is a loop: it is not made this time."""

_LIMITS: dict[TurnEnd, str] = {
    "tool_limit": f"stopped here: a turn may call {MOST_CALLS} tools, and this one wanted more",
    "time_limit": "stopped here: the turn took longer than it may",
    "repeated_call": f"stopped here: the same call was wanted {SAME_CALL} times",
    "context_full": "stopped here: the model cannot be shown any more, even shortened",
    "budget_reached": "stopped here: the budget is used up",
}
_BREAKS: dict[TurnEnd, str] = {
    "stopped": "stopped here",
    "superseded": "stopped here: another message took its place",
    "client_gone": "stopped here: nobody was waiting for the answer any more",
    "session_deleted": "stopped here: the session was deleted",
    "agent_stopped": "stopped here: the agent was stopped",
    "host_stopped": "stopped here: the host was shut down",
    "model_error": "broken off here: the model failed",
    "internal_error": "broken off here: something went wrong inside the host",
}
_CANCELLED: tuple[TurnEnd, ...] = (
    "stopped",
    "superseded",
    "client_gone",
    "session_deleted",
    "agent_stopped",
    "host_stopped",
)


def state_after(end: TurnEnd) -> TurnState:
    """The state a turn is left in by its end."""
    if end == "answered":
        return "done"
    if end == "merged":
        return "merged"
    if end == "host_died":
        return "interrupted"
    return "cancelled" if end in _CANCELLED else "failed"


def open_state(started_at: datetime | UnsetType) -> TurnState:
    """The state of a turn that has not ended."""
    return "queued" if isinstance(started_at, UnsetType) else "running"


def may_begin_again(attempts: int, steps: Iterable[Step]) -> bool:
    """Whether a turn the host died under may be taken from its beginning.

    Not when it may have changed anything, and only so often: it may be what killed the host.
    """
    return attempts < MOST_ATTEMPTS and not any(step.has_effects for step in steps)


def ending_mark(end: TurnEnd, *, begun: bool) -> str:
    """The line that closes what was said and tells why it goes no further.

    An answer needs none. A limit is always told, because its message is the answer; any other end only when
    something had ``begun`` that would look whole without it.
    """
    if end in _LIMITS:
        return f"[{_LIMITS[end]}]"
    return f"[{_BREAKS[end]}]" if begun and end in _BREAKS else ""


class Turn(Value, frozen=True, rename={"state": "status"}):
    """One turn of a session, open or ended.

    Its state follows from what is live and from how it ended; none is stored to be believed.
    """

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
    position: int | UnsetType = UNSET
    """Where it stands in line, from 1; left out unless it waits."""
    mode: Mode = "queue"
    request_id: str | UnsetType = UNSET
    """The request all of it was done for: the same in its tools and in the turns of its children."""
    attempts: int = 0
    """How often it began."""
    merged_into: str | UnsetType = UNSET
    """The turn that answered its message too."""


class TurnStory(Turn, frozen=True, rename={"state": "status"}):
    """A turn with all that was said and done in it."""

    messages: tuple[ChatMessage, ...] = ()
    steps: tuple[Step, ...] = ()


class ModelCall(Value, frozen=True):
    """One call to a model, counted where it was made, whether or not anything came of it."""

    provider: str
    model: str
    """Without the provider."""
    tier: Tier
    usage: Usage
    status: Literal["success", "error"]
    at: datetime


class TurnLeft(Value, frozen=True):
    """What a turn has done and spent since that was last kept."""

    steps: tuple[Step, ...] = ()
    calls: tuple[ModelCall, ...] = ()


class EndedTurn(Value, frozen=True):
    """All that a turn leaves behind, kept together or not at all."""

    turn: Turn
    run: PipelineRun
    calls: tuple[ModelCall, ...] = ()
    """Those that were not kept before."""
    message: ChatMessage | None = None
    """What the assistant said; None: it said nothing and did nothing."""
    steps: tuple[Step, ...] = ()
    """Those that were not kept before, as they have become."""
