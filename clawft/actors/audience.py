"""The audience: who listens to which topic."""

import logging

from clawft.domain.events import Frame
from clawft.messages.events import Listener

log = logging.getLogger(__name__)


class Audience:
    """Listeners by topic. A topic nobody listens to takes no room, whatever clients have named.

    Kept apart from ``Events`` so that it outlives a restart of that actor.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, dict[Listener, None]] = {}
        self._topics: dict[Listener, set[str]] = {}

    def has(self, topic: str) -> bool:
        """Whether anybody listens."""
        return topic in self._listeners

    def add(self, topic: str, listener: Listener) -> None:
        self._listeners.setdefault(topic, {})[listener] = None
        self._topics.setdefault(listener, set()).add(topic)

    def remove(self, listener: Listener, topic: str | None = None) -> None:
        """Take a listener off one topic, or off all."""
        for each in (topic,) if topic is not None else tuple(self._topics.get(listener, ())):
            self._remove(listener, each)

    def deliver(self, frame: Frame) -> None:
        """Give everyone the frame. A listener that raises is taken off the topic: the others go on."""
        for listener in tuple(self._listeners.get(frame.topic, ())):
            try:
                listener(frame)
            except Exception:
                log.exception("a listener to %s failed and is taken off", frame.topic)
                self._remove(listener, frame.topic)

    def _remove(self, listener: Listener, topic: str) -> None:
        listeners, heard = self._listeners.get(topic, {}), self._topics.get(listener, set())
        listeners.pop(listener, None)
        heard.discard(topic)
        if not listeners:
            self._listeners.pop(topic, None)
        if not heard:
            self._topics.pop(listener, None)
