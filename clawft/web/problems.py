"""Problems: what an error looks like to a client. Never a stack trace, never a path of ours."""

import asyncio
import math

import msgspec
import pykka
from tornado.web import HTTPError

from clawft.domain.values import Value
from clawft.errors import Busy, ClawftError, Unauthorized
from clawft.runtime import ActorFailed, MailboxFull, NoSuchActor


class ErrorDetail(Value, frozen=True):
    """``code`` is for programs, ``message`` for people."""

    code: str
    message: str


class Problem(Value, frozen=True):
    """The body of every answer that is not a success."""

    error: ErrorDetail


class Refusal(msgspec.Struct, frozen=True):
    """An error in terms of HTTP."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = {}

    @property
    def body(self) -> bytes:
        return msgspec.json.encode(Problem(ErrorDetail(self.code, self.message)))


class MethodNotAllowed(ClawftError):
    """The path is right, the method is not."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{method[:16]} is not one of {', '.join(allowed)}")
        self.allowed = allowed


_WORDS = {
    400: "the request could not be read",
    403: "that is not served",
    404: "there is nothing here",
    405: "this method is not known here",
    416: "the range asked for is not in the file",
}
_GONE = Refusal(503, "unavailable", "the actor asked is not running", {"Retry-After": "1"})


def refusal(error: BaseException | None) -> Refusal:
    """What a client is told about an error; what is not meant for clients becomes a plain 500."""
    match error:
        case ClawftError():
            return Refusal(error.status, error.code, str(error), _headers(error))
        case MailboxFull():
            wait = {"Retry-After": _whole(error.retry_after)}
            return Refusal(429, "busy", "too many messages are waiting for this; ask again later", wait)
        case NoSuchActor() | ActorFailed() | pykka.ActorDeadError():
            return _GONE
        case TimeoutError() | pykka.Timeout():
            return Refusal(504, "timeout", "no answer in time; the work was stopped")
        case asyncio.CancelledError():
            return Refusal(409, "cancelled", "the work was stopped before it was done")
        case HTTPError():
            return _from_http(error.status_code)
    return Refusal(500, "internal", "something went wrong on our side; the log has more")


def _from_http(status: int) -> Refusal:
    code = {404: "not_found", 403: "forbidden", 405: "method_not_allowed"}.get(status, "invalid")
    return Refusal(status, code if status < 500 else "internal", _WORDS.get(status, "the request failed"))


def _headers(error: ClawftError) -> dict[str, str]:
    match error:
        case Busy():
            return {"Retry-After": _whole(error.retry_after)}
        case MethodNotAllowed():
            return {"Allow": ", ".join(error.allowed)}
        case Unauthorized():
            return {"WWW-Authenticate": "Bearer"}
    return {}


def _whole(seconds: float) -> str:
    return str(max(1, math.ceil(seconds)))
