"""Messages: frozen values that say what they are answered with, and the mark on whoever answers."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, overload

import msgspec

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
A = TypeVar("A")
M = TypeVar("M")


class Ask(msgspec.Struct, Generic[R_co], frozen=True):
    """A question. Whoever handles it answers with an ``R_co``."""


class Tell(Ask[None], frozen=True):
    """A note: nobody waits to hear that it was read."""


class Terminated(Tell, frozen=True):
    """The watched actor is gone."""

    path: str
    reason: BaseException | None


class ChildFailed(Tell, frozen=True):
    """A child is past its restart budget, or could not start, and stays down until somebody restarts it."""

    path: str
    error: BaseException


class Collapsed(Tell, frozen=True):
    """Work that the actor had going beside its mailbox, or a child whose failures are its own, has failed."""

    error: BaseException


class on(Generic[R]):  # noqa: N801 - reads as a word: @on(SendMessage)
    """Mark the method that handles messages of this kind.

    It is plain, ``async``, or hands the question on by returning another actor's ``Reply``.
    ``control``: it is served ahead of the mailbox, also while a coroutine handler of the same actor waits;
    plain methods only.
    """

    def __init__(self, kind: type[Ask[R]], *, control: bool = False) -> None:
        self.kind = kind
        self.control = control

    @overload
    def __call__(self, method: Callable[[A, M], Awaitable[R]]) -> Callable[[A, M], Awaitable[R]]: ...
    @overload
    def __call__(self, method: Callable[[A, M], R]) -> Callable[[A, M], R]: ...
    def __call__(self, method: Any) -> Any:
        method.handles, method.control = self.kind, self.control
        return method
