"""What can be asked of tools."""

from typing import Annotated, Any

from msgspec import Meta

from clawft.domain.tools import Provenance, ToolCall, ToolInfo, ToolResult, ToolSpec
from clawft.domain.values import MAX_CONTENT, Success
from clawft.runtime import Ask


class ListTools(Ask[tuple[ToolInfo, ...]], frozen=True):
    """Every tool, by name, with its schema."""


class GetToolSchema(Ask[dict[str, Any]], frozen=True):
    """The JSON Schema of a tool's parameters."""

    name: str


class ToolSpecs(Ask[tuple[ToolSpec, ...]], frozen=True):
    """The tools an agent may use; None: all of them. Names nobody has are left out."""

    allowed: tuple[str, ...] | None = None
    session_key: str = ""
    """Tools that were offered for this session alone are among them, whatever is allowed."""


class CallTool(Ask[ToolResult], frozen=True):
    """Run a tool. Bad arguments, a failure or a time-out are results that say so, not errors."""

    name: str
    arguments: dict[str, Any]
    session_key: str
    agent_id: str
    call_id: str = ""
    depth: int = 0
    """How many delegations the calling turn is inside of."""
    turn_id: str = ""
    request_id: str = ""
    """The request the calling turn works for."""


class RegisterTool(Ask[ToolInfo], frozen=True):
    """Offer a tool that somebody outside runs: its calls are published on ``tool:call`` and answered by
    ``AnswerToolCall``. The same name replaces an earlier registration; built-in tools cannot be replaced."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
    description: Annotated[str, Meta(min_length=1, max_length=2000)]
    parameters: dict[str, Any]
    timeout: Annotated[float, Meta(gt=0, le=600)] = 60.0
    """Seconds one call may wait for its answer."""
    reads: Provenance = ""
    """Whose words it gives, where anybody may have written them."""


class OfferTools(Ask[None], frozen=True):
    """From another actor of this host: these are the tools that ``source`` runs now, instead of those before.

    Their calls are asked of it as ``RunTool``. With a ``session_key`` they are for that session alone, and
    there go before others of the same name.
    """

    source: str
    specs: tuple[ToolSpec, ...]
    session_key: str = ""


class RunTool(Ask[ToolResult], frozen=True):
    """Run a tool that the actor asked has offered. Cancelled when its time is over or its turn has ended."""

    call: ToolCall


class RemoveTool(Ask[Success], frozen=True):
    """Take back a tool that was registered."""

    name: str


class AnswerToolCall(Ask[Success], frozen=True):
    """The result of a call that was published on ``tool:call``; a call is answered once."""

    id: str
    content: Annotated[str, Meta(max_length=MAX_CONTENT)]
    is_error: bool = False
