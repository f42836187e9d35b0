"""What can be asked of the one who passes events on."""

from collections.abc import Callable

from clawft.domain.events import Event, Frame
from clawft.runtime import Ask, Tell

Listener = Callable[[Frame], None]
"""Called on the loop thread with each frame. Must not block and must not raise."""


class Publish(Tell, frozen=True):
    """Something happened. Events of one publisher are passed on in the order they came."""

    event: Event


class PublishAll(Tell, frozen=True):
    """The same of several things that happened one after the other: much cheaper than one by one."""

    events: tuple[Event, ...]


class Subscription(Ask[tuple[Frame, ...]], frozen=True):
    """From now on ``listener`` gets the topic's frames.

    The answer comes first: what was missed ``since`` that number, or one gap frame if it is no longer kept,
    or, for the canvas, the commands that draw it as it is.
    """

    topic: str
    listener: Listener
    since: int | None = None


class Unsubscribe(Tell, frozen=True):
    listener: Listener
    topic: str | None = None
    """None: every topic; the listener is leaving."""
