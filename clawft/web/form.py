"""A form: how the parts of a request fill a message, and what is said when they do not fit."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_type_hints

import msgspec
from msgspec import inspect

from clawft.domain import json_text
from clawft.domain.tokens import Caller
from clawft.errors import Invalid
from clawft.runtime import Ask
from clawft.web.routes import Route

_AT = re.compile(r" - at `(?P<path>[^`]*)`$")
_CALLER = "caller"
HEADERS = {"request_id": "X-Request-Id", "idempotency_key": "Idempotency-Key"}
"""Fields of any message that a header fills, and nothing else."""
_NUMBERS: dict[type[inspect.Type], type] = {
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.BoolType: bool,
}
_CONTAINERS = (inspect.StructType, inspect.DictType, inspect.VarTupleType, inspect.ListType)

_NO_HEADERS: Mapping[str, str] = {}


class Form:
    """Turns path, query, body and caller into one route's message.

    Text from the path and the query is converted (``"0.7"`` is a number where one is wanted) and unknown
    members of the query are passed over. The body is taken as it is: a wrong type, or a member nobody asked
    for, is refused with its path.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        fields = {field.name: field for field in msgspec.structs.fields(route.message)}
        self.takes_caller = _CALLER in fields
        self.types = get_type_hints(route.message, include_extras=True)
        self._free = tuple(
            field for name, field in fields.items() if name not in (_CALLER, *HEADERS, *route.names)
        )
        self.header_fields = tuple(fields[name] for name in HEADERS if name in fields)
        if missing := [name for name in (*route.names, *filter(None, [route.body])) if name not in fields]:
            raise TypeError(f"{route.method} {route.path}: {route.message.__name__} has no {missing[0]}")
        self.takes_body = route.method not in ("GET", "DELETE") and bool(self._free)
        self._known = frozenset(field.encode_name for field in self._free) | frozenset(route.ignores)
        numbers = ((name, _number(self.types[field.name])) for name, field in fields.items())
        self._numbers = {fields[name].encode_name: kind for name, kind in numbers if kind is not None}
        """What is a number or a truth, and stands as text in a path or a query."""
        self._shapes = {
            field.encode_name: inspect.type_info(self.types[field.name]) for field in self.body_fields
        }

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return re.sub(r"[:*](\w+)", r"{\1}", self.route.path)

    @property
    def query_fields(self) -> tuple[msgspec.structs.FieldInfo, ...]:
        """The fields that the query fills."""
        return () if self.route.method not in ("GET", "DELETE") else self._free

    @property
    def body_fields(self) -> tuple[msgspec.structs.FieldInfo, ...]:
        """The fields that members of the body fill."""
        return self._free if self.takes_body else ()

    def read(
        self,
        path: Mapping[str, str],
        query: Mapping[str, list[bytes]],
        body: bytes,
        caller: Caller | None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Ask[Any]:
        """The message; raises ``Invalid`` with the path of what is wrong."""
        texts = {**path, **self._queried(query)}
        members: dict[str, Any] = {name: self._from_text(name, text) for name, text in texts.items()}
        if self.takes_caller:
            members[_CALLER] = caller
        members |= {
            field.name: headers[HEADERS[field.name]]
            for field in self.header_fields
            if HEADERS[field.name] in headers
        }
        try:
            return self._filled(members, body)
        except msgspec.ValidationError as error:
            raise as_invalid(error) from None

    def _filled(self, members: dict[str, Any], body: bytes) -> Ask[Any]:
        if self.route.body:
            if not body:
                raise Invalid("a body is needed", path="$")
            return self.route.message(**members, **{self.route.body: self._whole(json_text.read(body))})
        if body and self.route.method not in ("GET", "DELETE"):
            members = {**self._spread(json_text.read(body)), **members}
        asked: Ask[Any] = msgspec.convert(members, self.route.message)
        return asked

    def _whole(self, value: Any) -> Any:
        name = self.route.body or ""
        _refuse(strangers(value, self._shapes[name], "$"))
        return msgspec.convert(value, self.types[name])

    def _spread(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Invalid(f"expected an object, got {_kind(value)}", path="$")
        _refuse(_member("$", name) for name in value if name not in self._known)
        for name, shape in self._shapes.items():
            if name in value:
                _refuse(strangers(value[name], shape, _member("$", name)))
        return {name: inner for name, inner in value.items() if name not in self.route.ignores}

    def _queried(self, query: Mapping[str, list[bytes]]) -> dict[str, str]:
        """What the query says of our fields; the last one counts of those that are there twice."""
        names = [field.encode_name for field in self.query_fields]
        return {name: _utf8(query[name][-1], name) for name in names if name in query}

    def _from_text(self, name: str, text: str) -> Any:
        # Only numbers and truths: msgspec would also take "null" for None and "0.5" for a time.
        kind = self._numbers.get(name)
        try:
            return text if kind is None else msgspec.convert(text, kind, strict=False)
        except msgspec.ValidationError as error:
            raise Invalid(str(error), path=f"$.{name}") from None


def strangers(value: Any, shape: inspect.Type, path: str) -> Iterator[str]:
    """Where ``value`` has members that the objects of ``shape`` do not know."""
    if isinstance(shape, inspect.UnionType):
        for one in shape.types:
            if isinstance(one, _CONTAINERS):
                yield from strangers(value, one, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _of_member(name, inner, shape, _member(path, name))
    elif isinstance(value, list) and isinstance(shape, inspect.VarTupleType | inspect.ListType):
        for index, inner in enumerate(value):
            yield from strangers(inner, shape.item_type, f"{path}[{index}]")


def _of_member(name: str, value: Any, shape: inspect.Type, path: str) -> Iterator[str]:
    if isinstance(shape, inspect.DictType):
        yield from strangers(value, shape.value_type, path)
    elif isinstance(shape, inspect.StructType):
        kind = next((field.type for field in shape.fields if field.encode_name == name), None)
        yield from (path,) if kind is None else strangers(value, kind, path)


def as_invalid(error: msgspec.ValidationError) -> Invalid:
    """Our words for msgspec's, which carry the path at their end."""
    text = str(error)
    found = _AT.search(text)
    return Invalid(_AT.sub("", text), path=found["path"]) if found else Invalid(text)


def _refuse(found: Iterable[str]) -> None:
    for path in found:
        raise Invalid("there is no such member", path=path)


def _number(kind: Any) -> type | None:
    shape = inspect.type_info(kind)
    found = [_NUMBERS.get(type(one)) for one in getattr(shape, "types", (shape,))]
    return next(filter(None, found), None)


def _utf8(value: bytes, name: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("not UTF-8", path=f"$.{name}") from None


def _member(path: str, name: str) -> str:
    return f"{path}.{name[:64]}"


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
