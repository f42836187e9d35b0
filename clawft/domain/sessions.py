"""Sessions: conversations and the messages in them."""

from datetime import datetime
from typing import Literal

from clawft.domain.values import UNSET, UnsetType, Value

Role = Literal["user", "assistant", "system", "tool"]

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
