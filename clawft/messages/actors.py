"""What can be asked about the actors themselves."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from clawft.domain.values import UNSET, Ok, UnsetType, Value
from clawft.runtime import ActorStatus, Ask


class ListActors(Ask[tuple[ActorStatus, ...]], frozen=True):
    """The live tree, parents before children."""


class RestartActor(Ask[Ok], frozen=True):
    """Begin an actor anew behind the same reference; what waits in its mailbox is kept."""

    path: str


class DeadLetter(Value, frozen=True):
    """A message that no one handled."""

    id: int
    time: datetime
    path: str
    message: str
    """Its type."""
    summary: str
    why: str


class DeadLetterPage(Value, frozen=True):
    """The newest dead letters that are still kept; ``total`` counts all since the start."""

    total: int
    items: tuple[DeadLetter, ...]
    oldest_kept: datetime | UnsetType = UNSET


class ListDeadLetters(Ask[DeadLetterPage], frozen=True):
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class ResendDeadLetter(Ask[Ok], frozen=True):
    """Send a dead letter to the same address again."""

    id: int
