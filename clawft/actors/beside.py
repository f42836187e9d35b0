"""Work beside the mailbox: an ask that takes its time, while the actor goes on answering others."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, NamedTuple, TypeVar

from clawft.runtime import Actor, Reply

R = TypeVar("R")


class Beside(NamedTuple, Generic[R]):
    """The answer to come, and the task that works on it."""

    reply: Reply[R]
    task: "asyncio.Task[None]"


def beside(actor: Actor, work: Coroutine[Any, Any, R]) -> Beside[R]:
    """Run ``work`` in the background of ``actor``; its reply is for the asker.

    It is cancelled when the asker gives up and when the actor stops. Handlers call this on the loop's thread.
    """
    reply: Reply[R] = Reply()
    task = actor.background(_settle(reply, work))
    loop = asyncio.get_running_loop()

    def give_up(settled: Reply[R]) -> None:
        if settled.cancelled():
            loop.call_soon_threadsafe(task.cancel)

    reply.add_done_callback(give_up)
    # A task that is cancelled before its first step never gets as far as settling anything.
    task.add_done_callback(lambda _: reply.cancel())
    return Beside(reply, task)


async def _settle(reply: Reply[R], work: Coroutine[Any, Any, R]) -> None:
    try:
        reply.settle(await work, None)
    except Exception as error:
        reply.settle(None, error)
