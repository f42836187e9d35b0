"""Deliveries: what is to be told outside, where to, and what came of it."""

from datetime import datetime, timedelta
from typing import Literal

from clawft.domain.values import UNSET, Name, UnsetType, Value

DeliveryState = Literal["queued", "attempting", "sent", "failed", "unknown"]

MOST_ATTEMPTS = 10
"""Tries that did not arrive, after which a delivery has failed: about three quarters of an hour."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)

LOCAL = ("voice", "web")
"""Channels that are here: what they are given is said in a session."""


class Address(Value, frozen=True):
    """A channel, and whom to reach there: for `web` the session, elsewhere as it understands it."""

    channel: Name
    to: Name | UnsetType = UNSET


class Delivery(Value, frozen=True):
    """A row of the outbox. Its id is the same at every attempt, so that a receiver can tell a repetition."""

    id: str
    channel: str
    content: str
    state: DeliveryState
    created_at: datetime
    updated_at: datetime
    attempts: int = 0
    to: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    """Who had something to tell: the id of a job."""
    next_attempt: datetime | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    """Why it is where it is."""


class DeliveryPage(Value, frozen=True):
    """A page of the outbox, newest first."""

    items: tuple[Delivery, ...]
    total: int
    limit: int
    offset: int


class Attempt(Value, frozen=True):
    """What came of one try."""

    state: Literal["sent", "not_sent", "failed", "unknown"]
    """``not_sent``: it certainly did not arrive and may be tried again; ``failed``: it never will."""
    why: str = ""
    retry_after: float = 0.0
    """Seconds the receiver asked us to wait."""


class Verdict(Value, frozen=True):
    """Where a delivery goes after a try."""

    state: DeliveryState
    detail: str
    next_attempt: datetime | UnsetType = UNSET


def verdict(attempt: Attempt, attempts: int, now: datetime) -> Verdict:
    """What is done after the try number ``attempts``. Only what certainly did not arrive is tried again."""
    if attempt.state != "not_sent":
        return Verdict(attempt.state, attempt.why)
    if attempts >= MOST_ATTEMPTS:
        return Verdict("failed", f"{attempt.why}; that was try {attempts}, the last")
    wait = max(pause(attempts), min(timedelta(seconds=attempt.retry_after), LONGEST_PAUSE))
    return Verdict("queued", attempt.why, now + wait)


def pause(attempts: int) -> timedelta:
    """How long to wait after so many tries: twice as long each time, up to an hour."""
    doublings = min(attempts, MOST_ATTEMPTS) - 1
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
