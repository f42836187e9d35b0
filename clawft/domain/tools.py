"""Tools: what an agent can do besides talking."""

from typing import Any, Literal

from clawft.domain.values import UNSET, UnsetType, Value

Effect = Literal["read", "write", "network", "process", "device"]


class ToolSpec(Value, frozen=True):
    """A tool as the model sees it: a name, a sentence and a JSON Schema of its parameters."""

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect = "read"
    timeout: float = 30.0
    """Seconds it may take."""


class ToolInfo(Value, frozen=True):
    """What a list of tools shows."""

    name: str
    description: str
    schema: dict[str, Any] | UnsetType = UNSET


class ToolResult(Value, frozen=True):
    """What a tool call came to. ``content`` is for the model; an error is content too, and says so."""

    content: str
    is_error: bool = False
    truncated: bool = False
