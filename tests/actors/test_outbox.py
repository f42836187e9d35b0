"""The outbox: what is to be delivered is tried, tried again while that is safe, and never in doubt unseen."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clawft.actors.outbox import Outbox
from clawft.domain.config import ChannelConfig, ConfigData
from clawft.domain.deliveries import Attempt, Delivery, DeliveryState
from clawft.domain.events import DeliveryChanged, MessageAdded
from clawft.domain.sessions import SessionRecord
from clawft.errors import Conflict, NotFound
from clawft.messages.channels import ChannelReport, ChannelUsed
from clawft.messages.config import GetConfig
from clawft.messages.events import Publish
from clawft.messages.outbox import Deliver, GetSigningKey, ListDeliveries, ResendDelivery, Wake
from clawft.messages.sessions import OpenSession
from clawft.runtime import System
from clawft.store import Store
from clawft.store.outbox import OutboxStore
from clawft.store.sessions import SessionStore
from tests.actors.moments import NOW, StillClock, until
from tests.actors.recorder import Recorder, of_kind

CONFIG = ConfigData(
    channels={
        name: ChannelConfig(enabled, "webhook", settings={"url": f"http://127.0.0.1/{name}"})
        for name, enabled in (("hook", True), ("other", True), ("off", False))
    }
)


class Poster:
    """Answers as the test says, and waits at its gate if that is shut."""

    def __init__(self) -> None:
        self.answers: list[Attempt | Exception] = []
        self.posted: list[tuple[str, str, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def post(self, url: str, delivery: Delivery, at: datetime) -> Attempt:
        self.posted.append((url, delivery.id, delivery.attempts))
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else Attempt("sent")
        if isinstance(answer, Exception):
            raise answer
        return answer


class Host:
    def __init__(self, folder: Path, clock: StillClock) -> None:
        self.clock = clock
        self.poster = Poster()
        self.published: list[Publish] = []
        self.channels: list[Any] = []
        self.system = System("test")
        self.system.attach()
        self.kept = Store.open(self.system, folder)
        self.store = OutboxStore(self.kept)
        self.system.spawn(Recorder, "events", self.published)
        self.system.spawn(Recorder, "channels", self.channels)
        self.system.spawn(Recorder, "config", [], {GetConfig: CONFIG})
        self.system.spawn(Recorder, "sessions", [], {OpenSession: None})
        self.system.spawn(
            Outbox,
            "outbox",
            store=self.store,
            poster=self.poster,
            secret="s",
            now=clock,
            look_every=None,
        )

    async def deliver(self, id: str = "dlv-1", channel: str = "hook", **more: Any) -> Delivery:
        at = self.clock()
        return await self.system.ask("outbox", Deliver(Delivery(id, channel, "Hi", "queued", at, at, **more)))

    async def look(self, **forward: float) -> None:
        self.clock.forward(**forward)
        self.system.tell("outbox", Wake())
        await self.system.ask("outbox", ListDeliveries())

    async def states(self) -> dict[str, DeliveryState]:
        page = await self.system.ask("outbox", ListDeliveries())
        return {delivery.id: delivery.state for delivery in page.items}

    async def becomes(self, *states: DeliveryState) -> Delivery:
        """Wait until the states of all deliveries are these; the newest of them."""
        async with asyncio.timeout(10):
            while sorted((await self.states()).values()) != sorted(states):
                await asyncio.sleep(0.001)
        return (await self.system.ask("outbox", ListDeliveries())).items[0]

    async def waits(self, tries: int) -> Delivery:
        """Wait until the only delivery waits for its next try, after so many."""
        async with asyncio.timeout(10):
            while True:
                (delivery,) = (await self.system.ask("outbox", ListDeliveries())).items
                if delivery.state == "queued" and delivery.attempts == tries:
                    return delivery
                await asyncio.sleep(0.001)

    def told(self) -> list[tuple[str, str]]:
        events = [note.event for note in self.published]
        return [(event.id, event.state) for event in events if isinstance(event, DeliveryChanged)]

    async def stop(self) -> None:
        self.kept.close()
        assert await self.system.shutdown(5) == ()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def host(tmp_path: Path, clock: StillClock) -> AsyncIterator[Host]:
    host = Host(tmp_path / "data", clock)
    yield host
    await host.stop()


async def test_a_delivery_is_sent_once_and_each_step_is_told(host: Host) -> None:
    await host.deliver()
    sent = await host.becomes("sent")
    await host.look(hours=1)
    assert host.poster.posted == [("http://127.0.0.1/hook", "dlv-1", 1)]
    assert (sent.attempts, sent.content) == (1, "Hi")
    await until(lambda: host.told() == [("dlv-1", state) for state in ("queued", "attempting", "sent")])
    await until(lambda: len(host.channels) == 2)
    assert of_kind(host.channels, ChannelReport) == [ChannelReport("hook", "connected")]
    assert of_kind(host.channels, ChannelUsed)[0].name == "hook"


async def test_what_did_not_arrive_is_tried_again_when_its_time_has_come(host: Host) -> None:
    host.poster.answers = [Attempt("not_sent", "nobody was reached")] * 2
    await host.deliver()
    waiting = await host.waits(tries=1)
    assert waiting.detail == "nobody was reached"
    await host.look(seconds=4.9)
    assert len(host.poster.posted) == 1
    await host.look(seconds=0.1)
    await host.waits(tries=2)
    await host.look(seconds=10)
    assert (await host.becomes("sent")).attempts == 3
    reports = of_kind(host.channels, ChannelReport)
    assert [report.status for report in reports] == ["error", "error", "connected"]


async def test_what_never_arrives_has_failed_in_the_end(host: Host) -> None:
    host.poster.answers = [Attempt("not_sent", "nobody was reached")] * 10
    await host.deliver()
    for tries in range(1, 10):
        await host.waits(tries)
        await host.look(hours=1)
    assert "that was try 10, the last" in str((await host.becomes("failed")).detail)


@pytest.mark.parametrize("answer", [Attempt("unknown", "it broke"), RuntimeError("a bug")])
async def test_what_is_unknown_is_never_sent_again_by_itself(answer: Any, host: Host) -> None:
    host.poster.answers = [answer]
    await host.deliver()
    await host.becomes("unknown")
    await host.look(hours=24)
    assert len(host.poster.posted) == 1


async def test_what_is_unknown_is_sent_again_by_a_person_under_its_id(host: Host) -> None:
    host.poster.answers = [Attempt("unknown", "it broke")]
    await host.deliver()
    await host.becomes("unknown")
    again = await host.system.ask("outbox", ResendDelivery("dlv-1"))
    assert (again.state, again.detail) == ("queued", "sent again by hand")
    await host.becomes("sent")
    assert [id for _, id, _ in host.poster.posted] == ["dlv-1", "dlv-1"]
    with pytest.raises(Conflict, match="is sent"):
        await host.system.ask("outbox", ResendDelivery("dlv-1"))
    with pytest.raises(NotFound, match="dlv-0"):
        await host.system.ask("outbox", ResendDelivery("dlv-0"))


async def test_a_host_that_stops_in_the_middle_leaves_it_unknown(tmp_path: Path, clock: StillClock) -> None:
    host = Host(tmp_path / "data", clock)
    host.poster.gate.clear()
    await host.deliver()
    await host.becomes("attempting")
    await host.stop()
    again = Host(tmp_path / "data", clock)
    assert "may have arrived or not" in str((await again.becomes("unknown")).detail)
    await again.look(hours=1)
    assert again.poster.posted == []
    await again.stop()


async def test_what_is_queued_survives_a_restart(tmp_path: Path, clock: StillClock) -> None:
    host = Host(tmp_path / "data", clock)
    host.poster.answers = [Attempt("not_sent", "nobody was reached")]
    await host.deliver()
    await host.waits(tries=1)
    await host.stop()
    again = Host(tmp_path / "data", clock)
    await again.look(seconds=5)
    assert (await again.becomes("sent")).attempts == 2
    await again.stop()


async def test_a_channel_is_given_one_at_a_time_in_order_and_others_do_not_wait(host: Host) -> None:
    host.poster.gate.clear()
    await host.deliver("dlv-1")
    host.clock.forward(seconds=1)
    await host.deliver("dlv-2")
    await host.deliver("dlv-3", "other")
    await until(lambda: len(host.poster.posted) == 2)
    assert sorted(id for _, id, _ in host.poster.posted) == ["dlv-1", "dlv-3"]
    host.poster.gate.set()
    await host.becomes("sent", "sent", "sent")
    assert [id for url, id, _ in host.poster.posted if url.endswith("hook")] == ["dlv-1", "dlv-2"]


@pytest.mark.parametrize(
    ("channel", "why"), [("nowhere", "no webhook is called nowhere"), ("off", "the channel off is disabled")]
)
async def test_a_channel_that_is_not_there_says_so(channel: str, why: str, host: Host) -> None:
    await host.deliver(channel=channel)
    failed = await host.becomes("failed")
    assert why in str(failed.detail)
    assert host.poster.posted == []


async def test_web_says_it_in_the_session_it_is_addressed_to(host: Host) -> None:
    sessions = SessionStore(host.kept)
    await sessions.create(SessionRecord("day", "general-agent", NOW))
    await host.deliver(channel="web", to="day")
    await host.becomes("sent")
    (message,) = (await sessions.get("day")).messages
    assert (message.role, message.content) == ("assistant", "Hi")
    await until(lambda: any(note.event == MessageAdded("day", message) for note in host.published))
    assert host.channels == [ChannelUsed("web", NOW)]


async def test_web_without_such_a_session_has_failed(host: Host) -> None:
    await host.deliver(channel="web", to="nowhere")
    assert (await host.becomes("failed")).detail == "no session has the key nowhere"


async def test_voice_says_it_in_the_conversation_held_aloud(host: Host) -> None:
    sessions = SessionStore(host.kept)
    await sessions.create(SessionRecord("voice", "general-agent", NOW))
    await host.deliver(channel="voice")
    await host.becomes("sent")
    assert [message.content for message in (await sessions.get("voice")).messages] == ["Hi"]


async def test_the_outbox_is_listed_by_state_and_paged(host: Host) -> None:
    for number in range(5):
        host.clock.forward(seconds=1)
        await host.deliver(f"dlv-{number}", "hook" if number % 2 else "nowhere")
    await host.becomes("failed", "failed", "failed", "sent", "sent")
    failed = await host.system.ask("outbox", ListDeliveries("failed", limit=2))
    assert ([each.id for each in failed.items], failed.total) == (["dlv-4", "dlv-2"], 3)


async def test_each_channel_has_a_key_of_its_own(host: Host) -> None:
    keys = {(await host.system.ask("outbox", GetSigningKey(name))).key for name in ("hook", "other")}
    assert len(keys) == 2
