"""Failures of the official clients, put into words for the person who asked."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from clawft.errors import ModelFailed

T = TypeVar("T")

_BY_TYPE = {
    "overloaded_error": 529,
    "api_error": 500,
    "server_error": 500,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "authentication_error": 401,
    "invalid_request_error": 400,
}
"""Anthropic and others report an error in the middle of a stream whose status was 200 by a type alone."""
_NO_MONEY = {"insufficient_quota", "billing_hard_limit_reached"}
"""OpenAI answers 429 for these; waiting is no help."""


def in_words(error: Exception, who: str) -> ModelFailed:
    """What the failure of a client means. ``who`` is the provider's name."""
    if isinstance(error, ModelFailed):
        return error
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "APITimeoutError" in kinds or isinstance(error, TimeoutError):
        return ModelFailed(f"{who} did not answer in time", reason="timeout", may_help=True)
    body = getattr(error, "body", None)
    status = _status(error, body)
    if status is not None:
        return _by_status(status, error, body, who)
    if "APIConnectionError" in kinds or isinstance(error, OSError):
        return ModelFailed(
            f"{who} cannot be reached, or the connection broke", reason="connection", may_help=True
        )
    if isinstance(error, ValueError) or "APIError" in kinds or "APIResponseValidationError" in kinds:
        return ModelFailed(f"what {who} answered cannot be understood", reason="malformed", may_help=True)
    if "TransportError" in kinds or "HTTPError" in kinds or "StreamError" in kinds:  # httpx2's own
        return ModelFailed(f"the connection to {who} broke", reason="connection", may_help=True)
    return ModelFailed(f"asking {who} failed: {type(error).__name__}", reason="model_error")


def _status(error: Exception, body: object) -> int | None:
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= 400:
        return status
    kind = _member(body, "type")
    return _BY_TYPE.get(kind) if kind else None


def _by_status(status: int, error: Exception, body: object, who: str) -> ModelFailed:
    said = _said(error, body)
    if status in (401, 403):
        return ModelFailed(f"{who} refuses the key ({status}){said}", reason="auth")
    if status == 429:
        if _member(body, "code") in _NO_MONEY or _member(body, "type") in _NO_MONEY:
            return ModelFailed(f"the account at {who} has no money left{said}", reason="quota")
        return ModelFailed(
            f"{who} is asked too often (429){said}",
            reason="rate_limited",
            may_help=True,
            retry_after=_retry_after(error),
        )
    if status == 404:
        return ModelFailed(f"{who} does not know the model or the address (404){said}", reason="not_found")
    if status in (408, 409) or status >= 500:
        return ModelFailed(
            f"{who} is in trouble ({status}){said}",
            reason="unavailable",
            may_help=True,
            retry_after=_retry_after(error),
        )
    return ModelFailed(f"{who} refuses the request ({status}){said}", reason="refused")


def _said(error: Exception, body: object) -> str:
    """The provider's own sentence, cut: whoever asked may make more of it than we."""
    said = _member(body, "message") or ""
    said = " ".join(said.split())
    return f": {said[:300]}" if said else ""


def _member(body: object, name: str) -> str | None:
    """A text in an error's body, which some wrap in ``error`` and some do not."""
    if not isinstance(body, Mapping):
        return None
    inner = body.get("error")
    for place in (inner, body):
        if isinstance(place, Mapping) and isinstance(place.get(name), str):
            return str(place[name])
    return None


def _retry_after(error: Exception) -> float | None:
    headers: Any = getattr(getattr(error, "response", None), "headers", {})
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = float(headers["retry-after"])
    except (KeyError, ValueError):  # a date: nobody sends one, and our clock may differ from theirs
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


async def steady(events: AsyncIterable[T], patience: float, who: str) -> AsyncGenerator[T, None]:
    """``events``, each no later than ``patience`` seconds after the one before."""
    async with aclosing(_generated(events)) as them:
        while True:
            try:
                async with asyncio.timeout(patience):
                    event = await anext(them)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise silent(who, patience) from None
            yield event


async def _generated(events: AsyncIterable[T]) -> AsyncGenerator[T, None]:
    async for event in events:
        yield event


def silent(who: str, patience: float) -> ModelFailed:
    return ModelFailed(f"{who} said nothing for {patience:g} seconds", reason="timeout", may_help=True)


def broke_off(who: str) -> ModelFailed:
    return ModelFailed(f"the answer of {who} broke off before its end", reason="cut", may_help=True)


class Opening:
    """Begins streams, and remembers which models take no temperature but their own."""

    def __init__(self, who: str, patience: float, *, temperature: str = "temperature") -> None:
        """``temperature``: the option that says it, and nothing else."""
        self._who, self._patience, self._temperature = who, patience, temperature
        self._own: set[str] = set()

    async def begin(self, options: dict[str, Any], create: Callable[..., Awaitable[Any]]) -> Any:
        """The stream, once the first byte of the answer is there."""
        if options["model"] in self._own:
            options.pop(self._temperature)
        try:
            return await self._in_time(options, create)
        except Exception as error:
            failure = in_words(error, self._who)
            if failure.reason != "refused" or "temperature" not in str(failure).lower():
                raise
            if options.pop(self._temperature, None) is None:
                raise
        self._own.add(options["model"])
        return await self._in_time(options, create)

    async def _in_time(self, options: dict[str, Any], create: Callable[..., Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(self._patience):
                return await create(**options)
        except TimeoutError:
            raise silent(self._who, self._patience) from None
