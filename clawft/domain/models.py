"""Models: what one call is given and what comes back, whoever answers it."""

import re
from typing import Literal

from clawft.domain.costs import Usage
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tools import ToolSpec
from clawft.domain.values import Value


class ModelMessage(Value, frozen=True):
    """One message of the conversation as the model is shown it."""

    role: Literal["user", "assistant", "system", "tool"]
    content: str
    tool_calls: tuple[ToolCallInfo, ...] = ()
    tool_call_id: str = ""
    """For a ``tool`` message: the call it answers."""


class ModelRequest(Value, frozen=True):
    """All that one call to a model needs."""

    model: str
    """Without the provider."""
    messages: tuple[ModelMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 4096
    temperature: float = 0.7


class TextDelta(Value, frozen=True):
    """A piece of the answer."""

    text: str


class ToolCalls(Value, frozen=True):
    """The model wants these tools called before it goes on."""

    calls: tuple[ToolCallInfo, ...]


class Finished(Value, frozen=True):
    """The call is over; nothing follows."""

    stop: Literal["end", "tools", "length"]
    usage: Usage


ModelEvent = TextDelta | ToolCalls | Finished


_FAMILIES = (
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gpt-|chatgpt-|o\d"), "openai"),
)
"""Bare names whose provider is known."""


def split_model(name: str) -> tuple[str, str]:
    """``provider/model`` as a pair. A bare name has no provider, unless everybody knows whose it is."""
    provider, slash, model = name.partition("/")
    if slash:
        return provider, model
    return next((known for family, known in _FAMILIES if family.match(name)), ""), name
