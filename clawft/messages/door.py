"""What can be asked of the door: agents, for programs that speak to models."""

from collections.abc import Callable
from typing import Literal

from clawft.domain.costs import Usage
from clawft.domain.sessions import ChatMessage, ToolCallInfo
from clawft.domain.tools import ToolSpec
from clawft.domain.values import Value
from clawft.runtime import Ask


class ToolAnswer(Value, frozen=True):
    """What the caller's own tool gave for a call that it was told of."""

    call_id: str
    content: str


class Completed(Value, frozen=True):
    """What came of it: the agent has answered, or it wants tools of the caller's called first."""

    id: str
    """Of the turn."""
    session_key: str
    finish: Literal["stop", "length", "tool_calls"]
    content: str
    """All that was not told before."""
    usage: Usage
    calls: tuple[ToolCallInfo, ...] = ()


class Complete(Ask[Completed], frozen=True):
    """Take the conversation one step further.

    With ``answers`` the turn goes on that waits for them; ``NotFound`` when none does. Otherwise a session
    begins with ``history``, or the one with ``session_key`` goes on, and ``content`` is said in it.
    """

    agent_id: str
    content: str = ""
    history: tuple[ChatMessage, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    answers: tuple[ToolAnswer, ...] = ()
    session_key: str = ""
    request_id: str = ""
    hear: Callable[[str], None] | None = None
    """Given the words as they come, on the loop's thread; what it was given is not told again."""
