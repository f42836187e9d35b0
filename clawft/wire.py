"""Messages as HTTP requests and answers as values: the table of routes, read from the client's end."""

import re
from functools import cache
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from clawft.errors import Busy, ClawftError, Invalid, Unavailable
from clawft.runtime import Ask
from clawft.web.form import HEADERS
from clawft.web.openapi import answer_type
from clawft.web.problems import ErrorDetail, Problem, refusal
from clawft.web.routes import ROUTES, Route

R = TypeVar("R")
Json = dict[str, Any]


class Unreachable(Unavailable):
    """Nobody answers at the address, or the connection broke."""

    code = "unreachable"


class TimedOut(ClawftError):
    """No answer within the host's patience; the work was stopped."""

    code = "timeout"
    status = 504


class Request(NamedTuple):
    """One HTTP request, ready to be sent. ``patience`` is how many seconds the server may take."""

    method: str
    path: str
    body: bytes | None
    patience: float
    headers: tuple[tuple[str, str], ...] = ()


def request_for(message: Ask[Any]) -> Request:
    """The request that puts ``message`` to a host, by the route that takes messages of its kind."""
    route = route_of(type(message))
    members: Json = msgspec.to_builtins(message)
    members.pop("caller", None)
    named = {header: members.pop(name, "") for name, header in HEADERS.items()}
    headers = tuple((header, value) for header, value in named.items() if value)
    path = fill(route.path, members)
    if route.method in ("GET", "DELETE"):
        query = {name: plain(value) for name, value in members.items() if value is not None}
        return Request(
            route.method, path + (f"?{urlencode(query)}" if query else ""), None, route.patience, headers
        )
    body = members.get(route.body) if route.body else members
    return Request(route.method, path, msgspec.json.encode(body), route.patience, headers)


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


def answer_from(message: Ask[R], body: bytes) -> R:
    """The answer to ``message``, as the value an actor would have given."""
    try:
        answer: R = msgspec.json.decode(body, type=answer_type(type(message)))
    except msgspec.DecodeError as error:
        raise ClawftError(f"the host's answer to {type(message).__name__} makes no sense: {error}") from error
    return answer


def error_from(status: int, body: bytes, retry_after: float | None) -> ClawftError:
    """The exception the host raised, as far as it said; an unknown code: the error with that status."""
    try:
        detail = msgspec.json.decode(body, type=Problem).error
    except msgspec.DecodeError:
        detail = ErrorDetail("", f"the answer was HTTP {status}")
    return error_of(status, detail, retry_after)


def error_of(status: int, detail: ErrorDetail, retry_after: float | None) -> ClawftError:
    kinds = error_kinds()
    by_status = (kind for kind in kinds.values() if kind.status == status)
    error = (kinds.get(detail.code) or next(by_status, ClawftError))(detail.message)
    if retry_after is not None and isinstance(error, Busy):
        error.retry_after = retry_after
    return error


def in_our_words(error: Exception) -> ClawftError:
    """What the runtime raised, as the error a client would have been given over HTTP."""
    if isinstance(error, ClawftError):
        return error
    refused = refusal(error)
    wait = refused.headers.get("Retry-After")
    return error_of(refused.status, ErrorDetail(refused.code, refused.message), float(wait) if wait else None)


@cache
def error_kinds() -> dict[str, type[ClawftError]]:
    kinds: dict[str, type[ClawftError]] = {}
    waiting: list[type[ClawftError]] = [ClawftError]
    while waiting:
        kind = waiting.pop(0)
        kinds.setdefault(kind.code, kind)
        waiting += kind.__subclasses__()
    return kinds
