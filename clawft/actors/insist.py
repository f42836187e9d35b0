"""Writing down what has happened already: it cannot be refused, so it is tried until there is room for it."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from clawft.errors import Busy, StorageFull
from clawft.runtime import MailboxFull, Reply

log = logging.getLogger(__name__)

R = TypeVar("R")

NOT_NOW = (StorageFull, Busy, MailboxFull)
"""What the store says when it can take nothing at the moment."""
PAUSE = 5.0
"""Seconds between two tries."""


async def insist(write: Callable[[], Reply[R]], what: str) -> R:
    """Have it written, however long the storage takes. ``what`` says in the log what is not written yet."""
    while True:
        try:
            return await write()
        except NOT_NOW as error:
            log.error("%s is not recorded yet: %s", what, error)
            await asyncio.sleep(PAUSE)
