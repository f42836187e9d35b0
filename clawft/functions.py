"""Python functions as tools: the JSON Schema from the signature, the description from the docstring."""

import asyncio
import inspect
import re
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Annotated, Any, get_type_hints

import msgspec

from clawft.errors import Invalid

PLAIN = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class FunctionTool:
    """A function a model may call: ``name``, ``description`` and ``parameters`` are what it is shown."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", "")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", self.name):
            raise Invalid(f"a tool needs a name a model can write, {self.name!r} is not one; use def")
        self.description, notes = read_docstring(inspect.getdoc(function) or "")
        if not self.description:
            raise Invalid(
                f"the function {self.name} needs a docstring: it is what tells the model when to call it"
            )
        try:
            self._arguments = arguments_struct(function, notes)
            self.parameters = flat_schema(self._arguments)
        except (TypeError, NameError) as error:
            raise Invalid(f"{self.name}: its signature has no JSON Schema: {error}") from error

    async def call(self, arguments: dict[str, Any], threads: Executor) -> str:
        """What the function returned: text as it is, all else as JSON. Wrong arguments raise ``Invalid``.

        A coroutine function runs on the loop; any other may block, so one of ``threads`` runs it.
        """
        try:
            valid = msgspec.convert(arguments, self._arguments)
        except msgspec.ValidationError as error:
            raise Invalid(f"{self.name}: {error}") from error
        bound = partial(
            self.function, **{name: getattr(valid, name) for name in self._arguments.__struct_fields__}
        )
        if inspect.iscoroutinefunction(self.function):
            result = await bound()
        else:
            result = await asyncio.get_running_loop().run_in_executor(threads, bound)
        return result if isinstance(result, str) else msgspec.json.encode(result).decode()


def arguments_struct(function: Callable[..., Any], notes: dict[str, str]) -> type[msgspec.Struct]:
    hints = get_type_hints(function, include_extras=True)
    fields: list[Any] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in PLAIN:
            raise Invalid(
                f"{function.__name__}: the parameter {parameter} has no JSON Schema; give each one a name"
            )
        kind = hints.get(name, Any)
        if name in notes:
            kind = Annotated[kind, msgspec.Meta(description=notes[name])]
        optional = parameter.default is not inspect.Parameter.empty
        fields.append((name, kind, parameter.default) if optional else (name, kind))
    return msgspec.defstruct(function.__name__, fields, kw_only=True, forbid_unknown_fields=True, frozen=True)


def flat_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema with the parameters at its top, as models expect it; other types stay in ``$defs``."""
    (_,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    schema: dict[str, Any] = definitions.pop(kind.__name__)
    schema.pop("title", None)
    return {**schema, "$defs": definitions} if definitions else schema


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """What comes before ``Args:``, and the notes on parameters under it."""
    description, _, rest = text.partition("\nArgs:\n")
    block = rest.split("\n\n", 1)[0]
    notes = re.findall(
        r"^\s+(\w+)(?:\s*\([^)]*\))?:\s*(.+?)\s*(?=^\s+\w+(?:\s*\([^)]*\))?:|\Z)", block, re.M | re.S
    )
    return " ".join(description.split()), {name: " ".join(note.split()) for name, note in notes}
