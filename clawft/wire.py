"""Messages as HTTP requests and answers as values: the table of routes, read from the client's end."""

import re
from functools import cache
from typing import Any, NamedTuple, TypeVar, get_args, get_origin
from urllib.parse import quote, urlencode

import msgspec

from clawft.errors import ClawftError, Invalid, Unavailable
from clawft.runtime import Ask
from clawft.web.routes import ROUTES, Route

R = TypeVar("R")
Json = dict[str, Any]


class Unreachable(Unavailable):
    """Nobody answers at the address, or the connection broke."""

    code = "unreachable"


class Request(NamedTuple):
    """One HTTP request, ready to be sent. ``patience`` is how many seconds the server may take."""

    method: str
    path: str
    body: bytes | None
    patience: float


def request_for(message: Ask[Any]) -> Request:
    """The request that puts ``message`` to a host, by the route that takes messages of its kind."""
    route = route_of(type(message))
    members: Json = msgspec.to_builtins(message)
    members.pop("caller", None)
    path = fill(route.path, members)
    if route.method in ("GET", "DELETE"):
        query = {name: plain(value) for name, value in members.items() if value is not None}
        return Request(route.method, path + (f"?{urlencode(query)}" if query else ""), None, route.patience)
    body = members.get(route.body) if route.body else members
    return Request(route.method, path, msgspec.json.encode(body), route.patience)


def fill(path: str, members: Json) -> str:
    """``/api/agents/:id`` with the members it names put in, and taken out of ``members``."""
    return re.sub(r"[:*](\w+)", lambda name: quote(str(members.pop(name[1])), safe=""), path)


def plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def route_of(kind: type[Ask[Any]]) -> Route:
    for route in ROUTES:
        if route.message is kind:
            return route
    raise Invalid(f"no route takes a {kind.__name__}: it can be asked in process only")


@cache
def answer_type(kind: type[Ask[Any]]) -> Any:
    """The ``R`` of an ``Ask[R]``."""
    for base in getattr(kind, "__orig_bases__", ()):
        if get_origin(base) is Ask:
            return get_args(base)[0]
    raise TypeError(f"{kind.__name__} does not say what it is answered with")


def answer_from(message: Ask[R], body: bytes) -> R:
    """The answer to ``message``, as the value an actor would have given."""
    try:
        answer: R = msgspec.json.decode(body, type=answer_type(type(message)))
    except msgspec.DecodeError as error:
        raise ClawftError(f"the host's answer to {type(message).__name__} makes no sense: {error}") from error
    return answer


class ErrorDetail(msgspec.Struct, frozen=True):
    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """How every failure is told over HTTP."""

    error: ErrorDetail


def error_from(status: int, body: bytes, retry_after: float | None) -> ClawftError:
    """The exception the host raised, as far as it said; unknown codes become the error with that status."""
    try:
        detail = msgspec.json.decode(body, type=ErrorBody).error
    except msgspec.DecodeError:
        detail = ErrorDetail("", f"the answer was HTTP {status}")
    kinds = error_kinds()
    kind = kinds.get(detail.code) or next((k for k in kinds.values() if k.status == status), ClawftError)
    error = kind(detail.message)
    if retry_after is not None and hasattr(error, "retry_after"):
        error.retry_after = retry_after
    return error


@cache
def error_kinds() -> dict[str, type[ClawftError]]:
    kinds: dict[str, type[ClawftError]] = {}
    waiting: list[type[ClawftError]] = [ClawftError]
    while waiting:
        kind = waiting.pop(0)
        kinds.setdefault(kind.code, kind)
        waiting += kind.__subclasses__()
    return kinds
