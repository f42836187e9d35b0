"""What a tool is, and how its parameters become a JSON Schema."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec

from clawft.domain.tools import Effect, ToolCall, ToolResult, ToolSpec
from clawft.errors import Invalid

R = TypeVar("R")
Arguments = TypeVar("Arguments", bound=msgspec.Struct)

__all__ = ["Blocking", "Tool", "ToolCall", "arguments_of", "spec_of"]


class Tool(Protocol):
    """Something an agent can do.

    ``run`` is called with arguments that fit ``spec.parameters``. It may raise a ``ClawftError``, whose
    message the model is shown. It is cancelled when nobody waits any more or ``spec.timeout`` has passed.
    """

    @property
    def spec(self) -> ToolSpec: ...

    async def run(self, call: ToolCall) -> ToolResult: ...


class Blocking(Protocol):
    """Runs a blocking function where that does no harm."""

    def __call__(self, fn: Callable[..., R], /, *args: Any) -> Awaitable[R]: ...


def spec_of(
    name: str, arguments: type[msgspec.Struct], *, effect: Effect = "read", timeout: float = 30.0
) -> ToolSpec:
    """The spec of a tool whose arguments are a struct: its docstring describes the tool to the model."""
    description = " ".join((arguments.__doc__ or "").split())
    return ToolSpec(name, description, _schema(arguments), effect=effect, timeout=timeout)


def _schema(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    (schema,), components = msgspec.json.schema_components([arguments], ref_template="{name}")
    inlined = dict(components.get(schema.get("$ref", ""), schema))
    return {name: value for name, value in inlined.items() if name not in ("title", "description")}


def arguments_of(call: ToolCall, kind: type[Arguments]) -> Arguments:
    """The call's arguments as a struct. JSON Schema takes 2.0 for an integer; so does this."""
    try:
        return msgspec.convert(_whole_numbers(call.arguments), kind)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from error


def _whole_numbers(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in arguments.items()
    }
