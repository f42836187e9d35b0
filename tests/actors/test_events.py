"""Events: numbered, kept, and passed on in order after the commit."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clawft.actors.audience import Audience
from clawft.actors.events import Events
from clawft.domain.canvas import CanvasCommand, CanvasElement
from clawft.domain.events import (
    AgentStatusChanged,
    CanvasChanged,
    ChunkAdded,
    Frame,
    MessageAdded,
    StreamDone,
)
from clawft.domain.sessions import ChatMessage
from clawft.errors import Invalid, StorageFull
from clawft.messages.canvas import GetCanvas
from clawft.messages.events import Publish, Subscription, Unsubscribe
from clawft.runtime import Actor, Reply, System, on
from clawft.store import Store
from clawft.store.events import EventStore

NOW = datetime.fromisoformat("2026-02-24T10:00:00+00:00")


class Canvas(Actor):
    """A canvas with one element on it."""

    @on(GetCanvas)
    def elements(self, _: GetCanvas) -> tuple[CanvasElement, ...]:
        return (CanvasElement("a", {"type": "text"}),)


class Full(EventStore):
    """A store that knows everything and takes nothing."""

    def append(self, frames: Any, at: datetime) -> Reply[None]:
        return Reply.failed(StorageFull("there is no room left"))


class Slow(EventStore):
    """A store whose commits end when the test says."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.commits: list[Reply[None]] = []

    def append(self, frames: Any, at: datetime) -> Reply[None]:
        self.commits.append(Reply())
        return self.commits[-1]


class Place:
    """A system with a store, and an events actor on it."""

    def __init__(self, folder: Path) -> None:
        self.system = System("events-test")
        self.system.attach()
        self.store = Store.open(self.system, folder)
        self.kept = EventStore(self.store)
        self.heard: list[Frame] = []

    def begin(self, store: EventStore | None = None, **more: Any) -> None:
        self.system.spawn(Events, "events", store=store or self.kept, **more)

    async def publish(self, *events: Any) -> None:
        for event in events:
            await self.system.ask("events", Publish(event))

    async def subscribe(self, topic: str, since: int | None = None) -> tuple[Frame, ...]:
        return await self.system.ask("events", Subscription(topic, self.heard.append, since))

    async def end(self) -> None:
        await self.system.shutdown(5.0)
        self.store.close()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    yield place
    await place.end()


def status(name: str = "a") -> AgentStatusChanged:
    return AgentStatusChanged(name, "running")


def seqs(frames: Any) -> list[int | None]:
    return [frame.seq for frame in frames]


async def test_numbers_grow_by_one_on_each_topic(place: Place) -> None:
    place.begin()
    await place.subscribe("agent:status")
    await place.subscribe("chat:message")
    await place.publish(status(), MessageAdded("x", ChatMessage("user", "hi", NOW)), status())
    assert [(frame.topic, frame.seq) for frame in place.heard] == [
        ("agent:status", 1),
        ("chat:message", 1),
        ("agent:status", 2),
    ]


async def test_numbers_go_on_after_a_restart_of_the_host(tmp_path: Path) -> None:
    for expected in ([1, 2], [3, 4]):
        place = Place(tmp_path)
        place.begin()
        await place.subscribe("agent:status")
        await place.publish(status(), status())
        assert seqs(place.heard) == expected
        await place.end()


async def test_numbers_go_on_and_listeners_stay_when_the_actor_begins_anew(place: Place) -> None:
    place.begin(audience=Audience())
    await place.subscribe("agent:status")
    await place.publish(status())
    place.system.restart("events")
    await place.publish(status())
    assert seqs(place.heard) == [1, 2]


async def test_a_frame_is_kept_before_anyone_hears_it(place: Place) -> None:
    slow = Slow(place.store)
    place.begin(slow)
    await place.subscribe("agent:status")
    done = asyncio.ensure_future(place.publish(status()))
    while not slow.commits:
        await asyncio.sleep(0)
    await place.system.ask("events", Subscription("cron:run", place.heard.append))
    assert place.heard == []
    assert not done.done()
    slow.commits[0].settle(None, None)
    await done
    assert seqs(place.heard) == [1]


async def test_frames_leave_in_the_order_they_came_whatever_the_store_takes(place: Place) -> None:
    slow = Slow(place.store)
    place.begin(slow)
    for topic in ("sessions:x", "session:x"):
        await place.subscribe(topic)
    message = MessageAdded("x", ChatMessage("assistant", "hello", NOW, ()))
    told = [place.system.ask("events", Publish(event)) for event in (message, ChunkAdded("x", "y"), message)]
    last = place.system.ask("events", Publish(StreamDone("x")))
    while len(slow.commits) < 2:
        await asyncio.sleep(0)
    slow.commits[1].settle(None, None)
    assert not told[1].done()
    slow.commits[0].settle(None, None)
    await last
    kinds = [json.loads(frame.body)["type"] for frame in place.heard]
    assert kinds == ["event", "stream_chunk", "event", "stream_done"]


async def test_what_cannot_be_kept_is_passed_on_and_is_a_gap_later(place: Place) -> None:
    place.begin(Full(place.store))
    await place.subscribe("agent:status")
    await place.publish(status(), status())
    assert seqs(place.heard) == [1, 2]
    (gap,) = await place.subscribe("agent:status", since=0)
    assert json.loads(gap.body) == {"type": "gap", "topic": "agent:status", "from": 1, "to": 2}


async def test_who_comes_back_is_told_what_it_missed(place: Place) -> None:
    place.begin()
    await place.publish(*[status() for _ in range(5)])
    missed = await place.subscribe("agent:status", since=2)
    assert seqs(missed) == [3, 4, 5]
    assert json.loads(missed[0].body)["seq"] == 3
    await place.publish(status())
    assert seqs(place.heard) == [6]


async def test_nothing_is_missed_or_told_twice_while_a_replay_is_made(place: Place) -> None:
    place.begin()
    await place.publish(status())
    pending = [place.system.ask("events", Publish(status())) for _ in range(50)]
    missed = await place.subscribe("agent:status", since=0)
    pending += [place.system.ask("events", Publish(status())) for _ in range(50)]
    await pending[-1]
    assert seqs([*missed, *place.heard]) == list(range(1, 102))


async def test_more_than_is_kept_is_a_gap(place: Place) -> None:
    place.begin()
    replies = [place.system.ask("events", Publish(status())) for _ in range(1_300)]
    await replies[-1]
    missed = await place.subscribe("agent:status", since=5)
    gap = json.loads(missed[0].body)
    assert gap["type"] == "gap"
    assert gap["from"] == 6
    assert seqs(missed[1:]) == list(range(gap["to"] + 1, 1_301))
    assert len(missed) > 1_000


async def test_the_canvas_is_shown_as_it_is(place: Place) -> None:
    place.system.spawn(Canvas, "canvas")
    place.begin()
    reset, render = await place.subscribe("canvas")
    assert json.loads(reset.body) == {"type": "canvas_command", "topic": "canvas", "command": "reset"}
    assert json.loads(render.body)["id"] == "a"
    shown = [json.loads(frame.body)["data"]["command"] for frame in await place.subscribe("canvas:update")]
    assert shown == ["reset", "render"]


async def test_a_change_of_the_canvas_is_seen_or_heard_but_not_both(place: Place) -> None:
    slow = Slow(place.store)
    place.system.spawn(Canvas, "canvas")
    place.begin(slow)
    change = CanvasChanged(CanvasCommand("render", id="a", element={"type": "text"}))
    place.system.tell("events", Publish(change))
    seen = place.system.ask("events", Subscription("canvas", place.heard.append))
    while not slow.commits:
        await asyncio.sleep(0)
    assert not seen.done()
    slow.commits[0].settle(None, None)
    assert len(await seen) == 2
    assert place.heard == []
    told = place.system.ask("events", Publish(change))
    slow.commits[1].settle(None, None)
    await told
    assert len(place.heard) == 1


async def test_a_canvas_that_does_not_answer_holds_nobody_up(place: Place) -> None:
    class Silent(Actor):
        @on(GetCanvas)
        async def elements(self, _: GetCanvas) -> tuple[CanvasElement, ...]:
            await asyncio.Event().wait()
            return ()

    place.system.spawn(Silent, "canvas")
    place.begin()
    waiting = place.system.ask("events", Subscription("canvas", place.heard.append))
    await place.subscribe("agent:status")
    await place.publish(status())
    assert seqs(place.heard) == [1]
    assert not waiting.done()


@pytest.mark.parametrize(
    ("topic", "since"), [("gossip", None), ("", None), ("session:x", 3), ("channels", 0)]
)
async def test_what_cannot_be_subscribed_to_is_refused_and_leaves_nothing(
    place: Place, topic: str, since: int | None
) -> None:
    audience = Audience()
    place.begin(audience=audience)
    with pytest.raises(Invalid):
        await place.subscribe(topic, since)
    assert not audience.has(topic)


async def test_topics_named_by_clients_are_forgotten_with_them(place: Place) -> None:
    audience = Audience()
    place.begin(audience=audience)
    for number in range(100):
        await place.subscribe(f"session:{number}")
    place.system.tell("events", Unsubscribe(place.heard.append))
    await place.publish(status())
    assert not any(audience.has(f"session:{number}") for number in range(100))


async def test_a_listener_that_fails_is_taken_off_and_the_others_hear(place: Place) -> None:
    place.begin()

    def bad(_: Frame) -> None:
        raise ZeroDivisionError

    await place.system.ask("events", Subscription("agent:status", bad))
    await place.subscribe("agent:status")
    await place.publish(status(), status())
    assert seqs(place.heard) == [1, 2]


async def test_what_a_listener_publishes_comes_after_what_it_heard(place: Place) -> None:
    place.begin()

    def echo(frame: Frame) -> None:
        if frame.seq == 1:
            place.system.tell("events", Publish(status("echo")))

    await place.system.ask("events", Subscription("agent:status", echo))
    await place.subscribe("agent:status")
    await place.publish(status(), status())
    while len(place.heard) < 3:
        await asyncio.sleep(0)
    assert seqs(place.heard) == [1, 2, 3]
