"""Inspection: what an actor is doing, as anyone may ask at any time."""

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import UNSET, UnsetType

from clawft.runtime.envelope import Envelope, clock

if TYPE_CHECKING:
    from clawft.runtime.mailbox import Mailbox
    from clawft.runtime.ref import Ref

ActorState = Literal["starting", "idle", "running", "waiting", "restarting", "failed", "stopped"]


class ActorStatus(msgspec.Struct, frozen=True):
    """One actor at one moment. Times are in seconds."""

    path: str
    kind: str
    dispatcher: str
    state: ActorState
    mailbox_depth: int
    handled: int
    failed: int
    restarts: int
    oldest_age_s: float | UnsetType = UNSET
    current: str | UnsetType = UNSET
    """The type of the message being handled."""
    current_for_s: float | UnsetType = UNSET


def status_of(ref: "Ref") -> ActorStatus:
    """Read from the mailbox: the actor itself is not asked, so a stuck one is shown too."""
    box, now = ref.actor_inbox, clock()
    current: Envelope | None = box.current
    return ActorStatus(
        path=ref.path,
        kind=ref.actor_class.__name__,
        dispatcher=box.dispatcher.name if box.dispatcher is not None else "",
        state=box.state,
        mailbox_depth=len(box.queue),
        handled=box.handled,
        failed=box.failed,
        restarts=box.restarts,
        oldest_age_s=_age(box, now),
        current=UNSET if current is None else type(current.message).__name__,
        current_for_s=UNSET if current is None else round(now - box.since, 3),
    )


def _age(box: "Mailbox", now: float) -> float | UnsetType:
    oldest = box.oldest()
    return UNSET if oldest is None else round(now - oldest, 3)
