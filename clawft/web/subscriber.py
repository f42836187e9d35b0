"""One client's subscriptions: what was missed comes before what happens now, and nothing comes twice."""

from clawft.domain.events import Frame
from clawft.errors import Busy
from clawft.messages.events import Subscription, Unsubscribe
from clawft.runtime import MailboxFull, System
from clawft.web.frames import Once
from clawft.web.limits import Limits
from clawft.web.outbox import Outbox


class Subscriber:
    """Hears topics for one client and puts their frames into its outbox."""

    def __init__(self, system: System, outbox: Outbox, wrap: Once, limits: Limits) -> None:
        self._system = system
        self._outbox = outbox
        self._wrap = wrap
        self._limits = limits
        self._topics: set[str] = set()
        self._held: dict[str, list[Frame]] = {}
        """Frames of topics whose replay is still on its way."""
        self._gone = False

    async def subscribe(self, topic: str, since: int | None, greeting: bytes = b"") -> None:
        """Begin to hear a topic: the greeting, then what was missed ``since``, then what happens.

        Raises ``Invalid`` for a topic there is not, ``Busy`` for one too many.
        """
        if topic not in self._topics and len(self._topics) >= self._limits.topics_per_socket:
            raise Busy(f"no more than {self._limits.topics_per_socket} topics to a client")
        self._topics.add(topic)
        held = self._held.setdefault(topic, [])
        try:
            missed = await self._system.ask("events", Subscription(topic, self.hear, since))
        except BaseException:
            self._forget(topic)
            raise
        if self._held.get(topic) is held:
            del self._held[topic]
            self._catch_up(topic, greeting, missed, held)

    def unsubscribe(self, topic: str) -> None:
        self._forget(topic)
        self._tell_events(topic)

    def leave(self) -> None:
        """The client is gone."""
        self._gone = True
        self._topics.clear()
        self._held.clear()
        self._tell_events(None)

    def hear(self, frame: Frame) -> None:
        """A frame of a topic. Called on the loop thread."""
        topic = frame.topic
        if topic in self._held:
            self._hold(frame)
        elif topic in self._topics:
            self._outbox.put(topic, self._wrap(frame), frame.newest_wins)
        else:
            # Only when the note that we left could not be delivered.
            self._tell_events(None if self._gone else topic)

    def _catch_up(self, topic: str, greeting: bytes, missed: tuple[Frame, ...], held: list[Frame]) -> None:
        parts = [greeting] if greeting else []
        self._outbox.put_all(topic, parts + [self._wrap(frame) for frame in missed])
        last = max((frame.seq for frame in missed if frame.seq is not None), default=-1)
        for frame in held:
            if frame.seq is None or frame.seq > last:
                self._outbox.put(topic, self._wrap(frame), frame.newest_wins)

    def _hold(self, frame: Frame) -> None:
        held = self._held[frame.topic]
        if len(held) < self._limits.queue_frames:
            held.append(frame)
        else:
            self._outbox.drop(frame.topic)

    def _forget(self, topic: str) -> None:
        self._topics.discard(topic)
        self._held.pop(topic, None)

    def _tell_events(self, topic: str | None) -> None:
        try:
            self._system.tell("events", Unsubscribe(self.hear, topic))
        except MailboxFull:
            return  # the next frame for us brings us back here
