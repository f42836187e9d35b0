"""Work that is done whole: once begun it goes on to its end, even when its asker gives up."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)

R = TypeVar("R")


async def whole(work: Coroutine[Any, Any, R]) -> R:
    """Await ``work``. Being cancelled meanwhile is raised only when it has ended.

    For changes to a file or the store and to memory, of which one must not be left without the other. The
    handler that awaits this keeps its mailbox for as long, so the next change finds the first one done.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            log.warning("what nobody waited for any more has failed: %s", error)
        raise
