"""Envelopes: a message on its way, and why it was sent."""

import time
from contextvars import ContextVar
from typing import Any

from clawft.runtime.promise import Reply

cause: ContextVar[str | None] = ContextVar("cause", default=None)
"""The causal id: what is sent while handling a message carries on the id of that message."""

clock = time.monotonic


class Envelope:
    """A message, the reply it wants if any, when it was put in the mailbox, and its causal id."""

    __slots__ = ("cause", "message", "reply_to", "since")

    def __init__(self, message: Any, reply_to: Reply[Any] | None = None) -> None:
        self.message = message
        self.reply_to = reply_to
        self.since = clock()
        self.cause = cause.get()
