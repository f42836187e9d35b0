"""Tools: what an agent can do besides talking, and the rules their arguments and results obey."""

from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from clawft.domain.values import UNSET, UnsetType, Value
from clawft.errors import Invalid

Effect = Literal["read", "write", "network", "process", "device"]

Provenance = Literal["", "web", "file", "outside"]
"""Where a text comes from that may have been written by anybody."""

MAX_OUTPUT = 64 * 1024
"""Bytes of what one tool gives by itself: its head and its tail."""
MOST_KEPT = 1024 * 1024
"""Bytes of a result that are kept, to be read by range. How much of it a model is shown, its turn decides."""

MAX_SCHEMA = 64 * 1024
"""Bytes of JSON one schema may be."""


class ToolSpec(Value, frozen=True):
    """A tool as the model sees it: a name, a sentence and a JSON Schema of its parameters."""

    name: str
    description: str
    parameters: dict[str, Any]
    effect: Effect = "read"
    reads: Provenance = ""
    """Whose words its results are, where they are not the operator's or the agent's own."""
    is_lasting: bool = False
    """Whether it changes what the host does later on, by itself."""
    timeout: float = 30.0
    """Seconds it may take."""


class ToolInfo(Value, frozen=True):
    """What a list of tools shows."""

    name: str
    description: str
    schema: dict[str, Any] | UnsetType = UNSET


class ToolCall(Value, frozen=True):
    """One call of a tool, on behalf of a session's agent."""

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


class ToolResult(Value, frozen=True):
    """What a tool call came to. ``content`` is for the model; an error is content too, and says so."""

    content: str
    is_error: bool = False
    truncated: bool = False


Complaint = str
"""One sentence for the model: which argument is wrong, and how."""

ArgumentCheck = Callable[[dict[str, Any]], Complaint | None]


def argument_check(parameters: dict[str, Any]) -> ArgumentCheck:
    """The check of a JSON Schema, compiled once. Raises ``Invalid`` for what is no schema of an object.

    A ``$ref`` to anything outside the schema is never fetched; arguments that would need it are refused.
    """
    _check_schema(parameters)
    # An empty registry: jsonschema's default one downloads remote references.
    validator = Draft202012Validator(parameters, registry=Registry())

    def check(arguments: dict[str, Any]) -> Complaint | None:
        try:
            error = best_match(validator.iter_errors(arguments))
        except (Unresolvable, RecursionError):
            return "the tool's schema cannot be used: it has a reference that leads nowhere"
        return None if error is None else _sentence(error, parameters)

    return check


def _check_schema(parameters: dict[str, Any]) -> None:
    if len(msgspec.json.encode(parameters)) > MAX_SCHEMA:
        raise Invalid(f"a schema has at most {MAX_SCHEMA} bytes", path="$.parameters")
    if parameters.get("type") != "object":
        raise Invalid("a tool's parameters are a schema of type object", path="$.parameters.type")
    try:
        # With its format checker, a pattern that is no regular expression is found now and not at a call.
        Draft202012Validator.check_schema(parameters, format_checker=Draft202012Validator.FORMAT_CHECKER)
    except SchemaError as error:
        where = "$.parameters" + error.json_path.removeprefix("$")
        raise Invalid(f"no JSON Schema: {_short(error.message)}", path=where) from error


def _sentence(error: ValidationError, parameters: dict[str, Any]) -> Complaint:
    where = error.json_path.removeprefix("$").removeprefix(".")
    if error.validator == "required":
        needed = cast("list[str]", error.validator_value)
        missing = next(name for name in needed if name not in cast("dict[str, Any]", error.instance))
        return f"the argument `{where + '.' if where else ''}{missing}` is missing"
    if error.validator == "additionalProperties" and not where:
        known = ", ".join(f"`{name}`" for name in parameters.get("properties", {})) or "no arguments"
        return f"{_short(error.message)}; the tool takes {known}"
    return f"the argument `{where or '$'}` is wrong: {_short(error.message)}"


def _short(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 2 :]}"


def capped(result: ToolResult, limit: int = MAX_OUTPUT) -> ToolResult:
    """The result, at most about ``limit`` bytes long: head and tail are kept, what is left out is counted.

    Lone surrogates become question marks, so that what comes out is always valid UTF-8.
    """
    data = result.content.encode("utf-8", "replace")
    if len(data) <= limit:
        return msgspec.structs.replace(result, content=data.decode())
    head = data[: limit // 2].decode("utf-8", "ignore")
    tail = data[-(limit // 2) :].decode("utf-8", "ignore")
    mark = f"\n[… {len(data) - limit:,} bytes left out …]\n"
    return ToolResult(content=head + mark + tail, is_error=result.is_error, truncated=True)
