"""Sessions: conversations and the messages in them."""

from datetime import datetime
from typing import Literal

from clawft.domain.values import UNSET, UnsetType, Value

Role = Literal["user", "assistant", "system", "tool"]

Mode = Literal["queue", "steer", "collect", "interrupt"]
"""What becomes of a message that comes while a turn runs: it waits in line; it is given to the model at the
next step; it waits and is joined with others that do into one turn; it ends the turn and is next."""
MODES: tuple[Mode, ...] = ("queue", "steer", "collect", "interrupt")

VOICE_SESSION = "voice"
"""Reserved: the conversation held aloud. Made on first use."""


class ToolCallInfo(Value, frozen=True):
    """A tool the assistant called. ``arguments`` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str
    result: str | UnsetType = UNSET


class ChatMessage(Value, frozen=True):
    """One thing said in a session. An assistant's message always lists its tool calls."""

    role: Role
    content: str
    timestamp: datetime
    tool_calls: tuple[ToolCallInfo, ...] | UnsetType = UNSET


class SessionSummary(Value, frozen=True):
    """What a list of sessions shows."""

    key: str
    agent_id: str
    message_count: int
    updated_at: datetime


class SessionDetail(SessionSummary, frozen=True):
    """A session with everything said in it."""

    messages: tuple[ChatMessage, ...]


class SessionExport(Value, frozen=True):
    """Every message of a session, oldest first."""

    messages: tuple[ChatMessage, ...]


class SessionRecord(Value, frozen=True):
    """What is fixed about a session when it is made."""

    key: str
    agent_id: str
    created_at: datetime
    model: str = ""
    """Used in this session instead of the agent's own; empty: the agent's."""
    parent_key: str = ""
    """The session whose turn delegated this one; empty: nobody's."""
    depth: int = 0
    """How many delegations it is inside of."""
    mode: Mode | Literal[""] = ""
    """For messages that name none; empty: as the agent says."""
