"""Small actors that the tests of the runtime are made with."""

import asyncio
import threading
import time
from typing import Any

from clawft.runtime import Actor, Ask, Tell, on


class Echo(Ask[str], frozen=True):
    text: str


class Wait(Ask[str], frozen=True):
    """Answered after so many seconds, by a coroutine."""

    seconds: float


class Block(Ask[str], frozen=True):
    """Answered after so many seconds, by a plain handler that holds its thread."""

    seconds: float


class Count(Ask[int], frozen=True):
    """How many messages this instance has handled."""


class Peek(Ask[int], frozen=True):
    """As ``Count``, ahead of the mailbox."""


class Fail(Ask[None], frozen=True):
    """Handled by raising."""


class Boom(Tell, frozen=True):
    """Handled by raising."""


class Leave(Tell, frozen=True):
    """Handled by raising SystemExit."""


class Note(Tell, frozen=True):
    value: Any


class Notes(Ask[list[Any]], frozen=True):
    """What was noted, in order."""


class Sample(Actor):
    """Handles all of the above on the loop."""

    made = 0

    def __init__(self, tag: str = "") -> None:
        type(self).made += 1
        self.tag = tag
        self.count = 0
        self.notes: list[Any] = []
        self.thread = 0

    def on_start(self) -> None:
        self.thread = threading.get_ident()

    @on(Echo)
    def echo(self, message: Echo) -> str:
        self.count += 1
        return self.tag + message.text

    @on(Wait)
    async def wait(self, message: Wait) -> str:
        await asyncio.sleep(message.seconds)
        self.count += 1
        return "waited"

    @on(Block)
    def block(self, message: Block) -> str:
        time.sleep(message.seconds)
        return "blocked"

    @on(Count)
    def how_many(self, _: Count) -> int:
        return self.count

    @on(Peek, control=True)
    def peek(self, _: Peek) -> int:
        return self.count

    @on(Fail)
    def fail(self, _: Fail) -> None:
        raise ValueError("asked to fail")

    @on(Boom)
    def boom(self, _: Boom) -> None:
        raise ValueError("told to fail")

    @on(Leave)
    def leave(self, _: Leave) -> None:
        raise SystemExit

    @on(Note)
    def note(self, message: Note) -> None:
        self.notes.append(message.value)

    @on(Notes)
    def all_notes(self, _: Notes) -> list[Any]:
        return list(self.notes)


class OnPool(Sample):
    """The same on the pool."""

    dispatcher = "pool"


class Pinned(Sample):
    """The same on a thread of its own."""

    dispatcher = "pinned"


EVERYWHERE = (Sample, OnPool, Pinned)
