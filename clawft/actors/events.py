"""Events: numbers what happened, has it kept, and passes it on."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from clawft.actors.audience import Audience
from clawft.actors.clock import utc_now
from clawft.domain import topics
from clawft.domain.canvas import CanvasCommand, CanvasElement
from clawft.domain.events import Frame
from clawft.domain.topics import Draft
from clawft.errors import Invalid
from clawft.messages.canvas import GetCanvas
from clawft.messages.events import Publish, PublishAll, Subscription, Unsubscribe
from clawft.runtime import Actor, Reply, Tell, on
from clawft.store.events import EventStore

log = logging.getLogger(__name__)

A = TypeVar("A")
B = TypeVar("B")

_REMEMBERED = 2_000
"""Topics whose last number is kept in memory, at 300 bytes; the store knows those of the others."""


class _Parcel(msgspec.Struct):
    """The frames of one event, on their way."""

    frames: Sequence[Frame]
    kept: Reply[None]
    passed_on: Reply[None]


class _Drawn(Tell, frozen=True):
    """The canvas, as somebody who subscribed to it is to see it first."""

    ask: Subscription
    elements: tuple[CanvasElement, ...]
    answer: Reply[tuple[Frame, ...]]


class Events(Actor):
    """Gives each frame its topic's next number, has it stored, and after the commit hands it to the audience.

    Everything leaves in the order it came, however long the store takes. What could not be stored is still
    passed on, and is a gap to whoever asks for it later.
    """

    mailbox_limit = 100_000  # a thousand turns that begin at once tell of 12,000 stages

    def __init__(
        self,
        *,
        store: EventStore,
        audience: Audience | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__()
        self._store = store
        self._audience = audience if audience is not None else Audience()
        self._now = now
        self._given: dict[str, int] = {}
        """The last number given out, by topic."""
        self._passed_on: dict[str, int] = {}
        """The last number passed on, by topic."""
        self._parcels: deque[_Parcel] = deque()
        self._is_delivering = False
        self._is_keeping = True

    @on(Publish)
    def publish(self, note: Publish) -> Awaitable[None]:
        """Asked instead of told, it answers when the frames have been passed on."""
        return self._take(topics.drafts(note.event))

    @on(PublishAll)
    def publish_all(self, note: PublishAll) -> Awaitable[None]:
        return self._take([draft for event in note.events for draft in topics.drafts(event)])

    def _take(self, drafts: Sequence[Draft]) -> Awaitable[None]:
        unknown = list(dict.fromkeys(draft.topic for draft in drafts if self._is_unknown(draft.topic)))
        return self._learn_and_send(unknown, drafts) if unknown else self._send(drafts)

    @on(Subscription)
    def subscribe(self, ask: Subscription) -> Awaitable[tuple[Frame, ...]]:
        """The answer's frames come before any that the listener is given."""
        topic = topics.check(ask.topic)
        if topic == topics.CANVAS or (topic == topics.CANVAS_UPDATE and ask.since is None):
            return self._see_canvas(ask)
        if ask.since is None:
            self._audience.add(topic, ask.listener)
            return Reply.of(())
        if not topics.is_numbered(topic):
            raise Invalid("frames of this topic carry no numbers to ask for", path="$.since")
        return self._learn_and_replay(ask) if self._is_unknown(topic) else self._replay(ask)

    @on(Unsubscribe)
    def unsubscribe(self, note: Unsubscribe) -> None:
        self._audience.remove(note.listener, note.topic)

    # ---- numbers

    def _is_unknown(self, topic: str) -> bool:
        return topics.is_numbered(topic) and topic not in self._given

    async def _learn(self, topic: str) -> None:
        """Ask the store where a topic's numbers stand. The mailbox waits meanwhile: none is given twice."""
        last = await self._store.last_of(topic)
        self._forget_the_idle()
        self._given[topic] = self._passed_on[topic] = last

    def _forget_the_idle(self) -> None:
        if len(self._given) < _REMEMBERED:
            return
        idle = [topic for topic, seq in self._given.items() if seq == self._passed_on[topic]]
        for topic in idle[: _REMEMBERED // 2]:
            del self._given[topic], self._passed_on[topic]

    # ---- passing on

    async def _learn_and_send(self, unknown: Sequence[str], drafts: Sequence[Draft]) -> Any:
        # The reply is handed on, not awaited: the next event need not wait for this one's commit.
        try:
            for topic in unknown:
                await self._learn(topic)
        except Exception as error:
            # Without its number an event is still worth passing on.
            log.error("the store does not say where %s stand: %s", unknown, error)
        return self._send(drafts)

    def _send(self, drafts: Sequence[Draft]) -> Reply[None]:
        at = self._now()
        frames = [self._frame(draft, at) for draft in drafts if self._is_wanted(draft.topic)]
        return self._post(frames, self._keep(frames, at))

    def _post(self, frames: Sequence[Frame], kept: Reply[None]) -> Reply[None]:
        """Pass these on after everything before them; the answer comes when that is done."""
        parcel = _Parcel(frames, kept, Reply())
        self._parcels.append(parcel)
        parcel.kept.add_done_callback(lambda _: self.system.port.call(Events._deliver, self))
        return parcel.passed_on

    def _is_wanted(self, topic: str) -> bool:
        return topic in self._given or self._audience.has(topic)

    def _frame(self, draft: Draft, at: datetime) -> Frame:
        if draft.topic not in self._given:
            return topics.encode(draft, at)
        self._given[draft.topic] += 1
        return topics.encode(draft, at, self._given[draft.topic])

    def _keep(self, frames: Sequence[Frame], at: datetime) -> Reply[None]:
        numbered = [frame for frame in frames if frame.seq is not None]
        if not numbered:
            return Reply.of(None)
        try:
            return self._store.append(numbered, at)
        except Exception as error:
            return Reply.failed(error)

    def _deliver(self) -> None:
        """Pass on what is stored, up to the first parcel that is not yet. On the loop thread."""
        if self._is_delivering:
            return  # a listener has published something: the loop below comes to it
        self._is_delivering = True
        try:
            while self._parcels and self._parcels[0].kept.done():
                self._pass_on(self._parcels.popleft())
        finally:
            self._is_delivering = False

    def _pass_on(self, parcel: _Parcel) -> None:
        self._note_failure(parcel.kept)
        for frame in parcel.frames:
            if frame.seq is not None:
                self._passed_on[frame.topic] = frame.seq
            self._audience.deliver(frame)
        parcel.passed_on.settle(None, None)

    def _note_failure(self, kept: Reply[None]) -> None:
        try:
            kept.result()
            self._is_keeping = True
        except Exception as error:
            if self._is_keeping:
                log.error("events are passed on but not kept: %s", error)
            self._is_keeping = False

    # ---- what was missed

    async def _learn_and_replay(self, ask: Subscription) -> Any:
        await self._learn(ask.topic)
        return self._replay(ask)

    def _replay(self, ask: Subscription) -> Reply[tuple[Frame, ...]]:
        topic, since, last = ask.topic, ask.since or 0, self._passed_on[ask.topic]
        self._audience.add(topic, ask.listener)
        found = self._store.since(topic, since)
        return self._or_forget(ask, _then(found, lambda kept: topics.replay(topic, since, last, kept)))

    def _see_canvas(self, ask: Subscription) -> Reply[tuple[Frame, ...]]:
        answer: Reply[tuple[Frame, ...]] = Reply()

        def when_seen(reply: Reply[tuple[CanvasElement, ...]]) -> None:
            try:
                self.tell(self.ref, _Drawn(ask, reply.result(), answer))
            except BaseException as error:
                answer.settle(None, error)

        self.ask("canvas", GetCanvas()).add_done_callback(when_seen)
        return answer

    @on(_Drawn)
    def show_canvas(self, note: _Drawn) -> None:
        """What changed before the canvas answered has come before this note: the listener begins after it, so
        that it neither misses a change nor is told of one that it sees already."""
        place = self._post((), Reply.of(None))

        def begin(_: Reply[None]) -> None:
            self._audience.add(note.ask.topic, note.ask.listener)
            note.answer.settle(_as_drawn(note.elements, note.ask.topic, self._now()), None)

        place.add_done_callback(begin)

    def _or_forget(self, ask: Subscription, reply: Reply[tuple[Frame, ...]]) -> Reply[tuple[Frame, ...]]:
        """When the answer fails, nothing was subscribed."""

        def check(settled: Reply[tuple[Frame, ...]]) -> None:
            try:
                settled.result()
            except BaseException:
                self.system.port.call(lambda topic: self._audience.remove(ask.listener, topic), ask.topic)

        reply.add_done_callback(check)
        return reply


def _as_drawn(elements: Sequence[CanvasElement], topic: str, at: datetime) -> tuple[Frame, ...]:
    """The commands that draw a canvas."""
    commands = [CanvasCommand("reset")]
    for place, each in enumerate(elements):
        commands.append(CanvasCommand("render", id=each.id, element=each.element, position=place))
    drafts = (draft for command in commands for draft in topics.canvas_drafts(command, topic))
    return tuple(topics.encode(draft, at) for draft in drafts)


def _then(source: Reply[A], convert: Callable[[A], B]) -> Reply[B]:
    """What becomes of an answer, without anybody waiting for it."""
    target: Reply[B] = Reply()

    def settle(reply: Reply[A]) -> None:
        try:
            target.settle(convert(reply.result()), None)
        except BaseException as error:
            target.settle(None, error)

    source.add_done_callback(settle)
    target.add_done_callback(lambda reply: reply.abandoned() and source.cancel())
    return target
