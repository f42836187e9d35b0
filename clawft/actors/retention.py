"""The one who forgets: deletes what is older than the config says, a little at a time."""

import asyncio
import logging

from clawft.actors.clock import Clock, utc_now
from clawft.actors.insist import NOT_NOW
from clawft.messages.config import GetConfig
from clawft.messages.sessions import Recount
from clawft.runtime import Actor, Tell, on
from clawft.store.retention import RetentionStore

log = logging.getLogger(__name__)

FIRST, EVERY = 60.0, 3600.0
"""Seconds after the start, and between two looks."""
PAUSE = 0.05
"""Seconds between two steps, in which others write."""


class Forget(Tell, frozen=True):
    """Look for what is too old."""


class Retention(Actor):
    """Works beside its mailbox; one round at a time."""

    def __init__(self, *, store: RetentionStore, now: Clock = utc_now, first: float = FIRST) -> None:
        super().__init__()
        self._store = store
        self._now = now
        self._first = first

    def on_start(self) -> None:
        self.later(self._first, Forget())

    @on(Forget)
    async def forget(self, _: Forget) -> None:
        rules = (await self.ask("config", GetConfig())).retention
        gone = 0
        try:
            while step := await self._store.forget(rules, self._now()):
                gone += step
                await asyncio.sleep(PAUSE)
            if gone:
                await self._give_back()
        except NOT_NOW as error:
            log.warning("what is too old is forgotten later: %s", error)
        if gone:
            log.info("%d rows were older than the config keeps them, and are gone", gone)
            self.tell("sessions", Recount())
        self.later(EVERY, Forget())

    async def _give_back(self) -> None:
        left, before = await self._store.give_back(), -1
        while left and left != before:
            await asyncio.sleep(PAUSE)
            left, before = await self._store.give_back(), left
