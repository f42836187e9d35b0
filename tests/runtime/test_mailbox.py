"""Taking turns: order, suspension, the control lane, bounds, cancellation, fairness."""

import asyncio
import threading
import time
from itertools import pairwise

import pykka
import pytest

from clawft.runtime import (
    Actor,
    Ask,
    BlockingCallOnLoop,
    MailboxFull,
    Reply,
    System,
    Tell,
    Unhandled,
    cause,
    on,
)
from tests.runtime.actors import (
    EVERYWHERE,
    Block,
    Count,
    Echo,
    Fail,
    Leave,
    Note,
    Notes,
    OnPool,
    Peek,
    Sample,
    Wait,
)

on_every_dispatcher = pytest.mark.parametrize("kind", EVERYWHERE, ids=lambda kind: kind.dispatcher)


@on_every_dispatcher
async def test_a_waiting_coroutine_keeps_the_order_of_what_comes_after(
    system: System, kind: type[Sample]
) -> None:
    ref = system.spawn(kind, "a")
    first, second = system.ask(ref, Wait(0.05)), system.ask(ref, Count())
    assert await second == 1
    assert first.done()


async def test_a_thousand_waiting_actors_hold_no_thread(system: System) -> None:
    refs = [system.spawn(OnPool, f"a{number}") for number in range(1000)]
    before, started = threading.active_count(), time.monotonic()
    replies = [system.ask(ref, Wait(0.3)) for ref in refs]
    await asyncio.sleep(0.1)
    assert threading.active_count() <= before + 4
    assert [await reply for reply in replies] == ["waited"] * 1000
    assert time.monotonic() - started < 3


@on_every_dispatcher
async def test_the_control_lane_is_served_while_a_handler_waits(system: System, kind: type[Sample]) -> None:
    ref = system.spawn(kind, "a")
    await system.ask(ref, Echo("x"))
    slow = system.ask(ref, Wait(30))
    behind = system.ask(ref, Count())
    assert await asyncio.wait_for(system.ask(ref, Peek()), 5) == 1
    assert not slow.done()
    assert not behind.done()
    slow.cancel()
    assert await asyncio.wait_for(behind, 5) == 1


@on_every_dispatcher
async def test_halt_cancels_what_runs_and_bounces_what_waits(system: System, kind: type[Sample]) -> None:
    ref = system.spawn(kind, "a")
    running, waiting = system.ask(ref, Wait(30)), system.ask(ref, Echo("x"))
    await asyncio.wait_for(system.ask(ref, Peek()), 5)
    ref.halt()
    assert await ref.stopped(5)
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(pykka.ActorDeadError):
        await waiting
    assert [letter.kind for letter in system.dead_letters.recent()] == ["Echo"]


@on_every_dispatcher
async def test_inspection_needs_nothing_of_a_stuck_actor(system: System, kind: type[Sample]) -> None:
    ref = system.spawn(kind, "a")
    stuck = system.ask(ref, Wait(30))
    system.tell(ref, Note(1))
    await asyncio.wait_for(system.ask(ref, Peek()), 5)
    status = system.inspect("a")
    assert (status.state, status.current, status.mailbox_depth) == ("waiting", "Wait", 1)
    assert status.oldest_age_s >= 0  # type: ignore[operator]  # there is a message, so there is an age
    stuck.cancel()


class Small(Sample):
    mailbox_limit = 10


async def test_a_full_mailbox_rejects_and_loses_nothing_it_took(system: System) -> None:
    ref = system.spawn(Small, "small")
    running = system.ask(ref, Wait(30))
    for number in range(10):
        system.tell(ref, Note(number))
    with pytest.raises(MailboxFull) as refused:
        system.tell(ref, Note("too much"))
    assert (refused.value.path, refused.value.depth) == ("small", 10)
    assert refused.value.retry_after > 0
    running.cancel()
    async with asyncio.timeout(5):
        while system.inspect("small").mailbox_depth:
            await asyncio.sleep(0)
    assert await system.ask(ref, Notes()) == list(range(10))


async def test_get_on_the_loop_is_refused(system: System) -> None:
    ref = system.spawn(OnPool, "a")
    with pytest.raises(BlockingCallOnLoop, match="await"):
        system.ask(ref, Block(0.05)).get()


@on_every_dispatcher
async def test_an_asker_who_stops_waiting_cancels_the_work(system: System, kind: type[Sample]) -> None:
    ref = system.spawn(kind, "a")

    async def ask() -> str:
        return await system.ask(ref, Wait(30))

    task = asyncio.create_task(ask())
    await asyncio.wait_for(system.ask(ref, Peek()), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(system.ask(ref, Count()), 5) == 0


async def test_a_timeout_cancels_the_work(system: System) -> None:
    ref = system.spawn(Sample, "a")
    with pytest.raises(pykka.Timeout):
        await system.ask(ref, Wait(30), timeout=0.02)
    assert await asyncio.wait_for(system.ask(ref, Count()), 5) == 0


async def test_a_message_whose_asker_gave_up_is_not_handled(system: System) -> None:
    ref = system.spawn(Sample, "a")
    running, given_up = system.ask(ref, Wait(30)), system.ask(ref, Echo("x"))
    given_up.cancel()
    running.cancel()
    assert await system.ask(ref, Count()) == 0
    assert system.dead_letters.recent()[0].why == "its asker gave up"


async def test_a_message_without_a_handler_is_refused_by_name(system: System) -> None:
    class Strange(Ask[None], frozen=True):
        pass

    ref = system.spawn(Sample, "a")
    with pytest.raises(Unhandled, match="a does not understand Strange"):
        await system.ask(ref, Strange())


@on_every_dispatcher
async def test_system_exit_in_one_actor_stops_only_that_one(system: System, kind: type[Sample]) -> None:
    leaving, staying = system.spawn(kind, "leaving"), system.spawn(kind, "staying")
    system.tell(leaving, Leave())
    assert await leaving.stopped(5)
    assert await system.ask(staying, Echo("here")) == "here"


class Forwarder(Actor):
    @on(Echo)
    def forward(self, message: Echo) -> Reply[str]:
        return self.ask("target", message)

    @on(Fail)
    def forward_failure(self, message: Fail) -> Reply[None]:
        return self.ask("target", message)

    @on(Wait)
    def forward_wait(self, message: Wait) -> Reply[str]:
        return self.ask("target", message)


async def test_a_question_handed_on_is_answered_by_the_other(system: System) -> None:
    system.spawn(Sample, "target", "from target: ")
    system.spawn(Forwarder, "forwarder")
    assert await system.ask("forwarder", Echo("x")) == "from target: x"
    with pytest.raises(ValueError, match="asked to fail"):
        await system.ask("forwarder", Fail())
    waiting = system.ask("forwarder", Wait(30))
    waiting.cancel()
    assert await asyncio.wait_for(system.ask("target", Count()), 5) == 1


class Cause(Ask[str | None], frozen=True):
    pass


class Traced(Actor):
    @on(Cause)
    async def current(self, _: Cause) -> str | None:
        await asyncio.sleep(0)
        if self.name == "first":
            return await self.ask("second", Cause())
        return cause.get()


async def test_the_causal_id_goes_along_from_actor_to_actor(system: System) -> None:
    system.spawn(Traced, "first")
    system.spawn(Traced, "second")
    token = cause.set("req-1")
    asked = system.ask("first", Cause())
    cause.reset(token)
    assert await asked == "req-1"
    assert await system.ask("first", Cause()) is None


class Chain(Actor):
    dispatcher = "pool"

    def __init__(self, target: str) -> None:
        self.target = target

    @on(Echo)
    def echo(self, message: Echo) -> str:
        return message.text if not self.target else self.ask(self.target, message).get(timeout=10)


def test_a_long_chain_of_blocking_asks_does_not_starve_the_pool(apart: System) -> None:
    names = ["", *(f"link{number}" for number in range(60))]
    for target, name in pairwise(names):
        apart.spawn(Chain, name, target)
    assert apart.ask("link59", Echo("through")).get(timeout=10) == "through"


class Busy(Actor):
    dispatcher = "pool"

    @on(Note)
    def work(self, _: Note) -> None:
        until = time.perf_counter() + 0.001
        while time.perf_counter() < until:
            pass


def test_floods_do_not_starve_a_quiet_actor(apart: System) -> None:
    floods = [apart.spawn(Busy, f"busy{number}") for number in range(8)]
    quiet = apart.spawn(OnPool, "quiet")
    for _ in range(300):
        for flood in floods:
            flood.tell(Note(0))
    apart.ask(quiet, Echo("x")).get(timeout=10)
    waiting = sum(status.mailbox_depth for status in apart.tree())
    assert waiting > 1000, "the quiet actor was answered only after the floods had been worked off"


class Ping(Tell, frozen=True):
    left: int


class PingPong(Actor):
    def __init__(self, other: str) -> None:
        self.other, self.ended = other, False

    @on(Ping)
    def ping(self, note: Ping) -> None:
        self.ended = note.left == 0
        if note.left:
            self.tell(self.other, Ping(note.left - 1))

    @on(Count)
    def over(self, _: Count) -> int:
        return int(self.ended)


async def test_an_endless_exchange_does_not_overflow_the_stack(system: System) -> None:
    system.spawn(PingPong, "a", "b")
    system.spawn(PingPong, "b", "a")
    system.tell("a", Ping(20_000))
    async with asyncio.timeout(10):
        while not await system.ask("a", Count()):
            await asyncio.sleep(0)


class Starting(Sample):
    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        await asyncio.sleep(0.02)
        self.notes.append("started")


async def test_messages_wait_for_a_coroutine_on_start(system: System) -> None:
    ref = system.spawn(Starting, "a")
    system.tell(ref, Note("told"))
    assert await system.ask(ref, Notes()) == ["started", "told"]


class Reentrant(Sample):
    concurrency = 4


async def test_concurrency_lets_coroutines_of_one_actor_overlap(system: System) -> None:
    ref = system.spawn(Reentrant, "a")
    started = time.monotonic()
    assert [await each for each in [system.ask(ref, Wait(0.2)) for _ in range(4)]] == ["waited"] * 4
    assert time.monotonic() - started < 0.7


class Batching(Actor):
    dispatcher = "pinned"

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def batchable(self, message: object) -> bool:
        return isinstance(message, Echo)

    def on_batch(self, envelopes):  # type: ignore[no-untyped-def]
        self.sizes.append(len(envelopes))
        for envelope in envelopes:
            envelope.reply_to.settle(envelope.message.text, None)

    @on(Block)
    def block(self, message: Block) -> str:
        time.sleep(message.seconds)
        return "blocked"

    @on(Notes)
    def all_sizes(self, _: Notes) -> list[int]:
        return self.sizes


async def test_what_waits_is_taken_in_one_batch_in_order(system: System) -> None:
    ref = system.spawn(Batching, "a")
    blocked = system.ask(ref, Block(0.1))
    replies = [system.ask(ref, Echo(str(number))) for number in range(100)]
    assert [await reply for reply in replies] == [str(number) for number in range(100)]
    assert await blocked == "blocked"
    assert max(await system.ask(ref, Notes())) == 100
