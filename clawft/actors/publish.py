"""Publishing: telling of what has happened."""

import asyncio

from clawft.domain.events import Event
from clawft.messages.events import Publish, PublishAll
from clawft.runtime import Actor, MailboxFull


def publish(teller: Actor, event: Event) -> None:
    """Tell of an event. It has happened: if there is no room for it, it is a dead letter and no failure."""
    _tell(teller, Publish(event))


TOGETHER = 0.01
"""Seconds an event may wait for others to go out with."""


class Teller:
    """Tells of an actor's events a few at a time, in order: a turn has two dozen, most at its two ends."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._waiting: list[Event] = []

    def publish(self, event: Event) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_later(TOGETHER, self.flush)
        self._waiting.append(event)

    def flush(self) -> None:
        """Tell of what waits, now."""
        if self._waiting:
            waiting, self._waiting = tuple(self._waiting), []
            _tell(self._actor, Publish(waiting[0]) if len(waiting) == 1 else PublishAll(waiting))


def _tell(teller: Actor, note: Publish | PublishAll) -> None:
    try:
        teller.tell("events", note)
    except MailboxFull as error:
        teller.system.dead_letters.add("events", note, str(error))
