"""Asks: how a part of an actor asks other actors."""

from typing import Protocol, TypeVar

from clawft.runtime import Ask, Reply

R = TypeVar("R")


class Asks(Protocol):
    """Asks another actor."""

    def __call__(self, target: str, message: Ask[R]) -> Reply[R]: ...
