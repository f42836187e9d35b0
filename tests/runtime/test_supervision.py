"""Supervision: what becomes of an actor that fails, and who is told."""

import asyncio
import time
from collections.abc import Callable

import pytest

from clawft.runtime import (
    Actor,
    ActorEvent,
    ActorFailed,
    Ask,
    ChildFailed,
    Escalate,
    Restart,
    Resume,
    Stop,
    System,
    Terminated,
    on,
)
from tests.runtime.actors import EVERYWHERE, Boom, Count, Echo, Note, Notes, Sample, Wait

QUICK = Restart(first=0.01, jitter=0.0)
on_every_dispatcher = pytest.mark.parametrize("kind", EVERYWHERE, ids=lambda kind: kind.dispatcher)


async def until(claim: Callable[[], bool], seconds: float = 3.0) -> None:
    """Wait for a condition, at most so long."""
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.002)


class Told(Ask[tuple[str, ...]], frozen=True):
    """What the parent below was told of, in order."""


class Parent(Actor):
    """Keeps a list of what it hears of others."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @on(ChildFailed)
    def child_failed(self, note: ChildFailed) -> None:
        self.told.append(f"failed {note.path}")

    @on(Terminated)
    def terminated(self, note: Terminated) -> None:
        self.told.append(f"gone {note.path}")

    @on(Told)
    def tell_all(self, _: Told) -> tuple[str, ...]:
        return tuple(self.told)


@on_every_dispatcher
async def test_a_restart_keeps_reference_and_mailbox_and_makes_a_fresh_instance(
    system: System, kind: type[Sample]
) -> None:
    ref = system.spawn(kind, "a", "tag-", supervision=QUICK)
    assert await system.ask(ref, Echo("1")) == "tag-1"
    ref.tell(Boom())
    assert await system.ask(ref, Echo("2"), timeout=5) == "tag-2"
    assert await system.ask(ref, Count()) == 1
    assert system.inspect("a").restarts == 1


async def test_resume_goes_on_with_the_state_as_it_is(system: System) -> None:
    ref = system.spawn(Sample, "a", supervision=Resume())
    ref.tell(Note(1))
    ref.tell(Boom())
    assert await system.ask(ref, Notes()) == [1]
    assert system.inspect("a").restarts == 0


async def test_stop_ends_it_at_its_first_failed_note(system: System) -> None:
    ref = system.spawn(Sample, "a", supervision=Stop())
    ref.tell(Boom())
    assert not ref.is_alive()
    assert [status.path for status in system.tree()] == []


async def test_a_parent_forgets_children_that_have_stopped(system: System) -> None:
    class Fertile(Parent):
        @on(Note)
        def bear(self, note: Note) -> None:
            self.spawn(Sample, note.value)

        @on(Count)
        def count(self, _: Count) -> int:
            return len(self.children)

    system.spawn(Fertile, "parent")
    for number in range(5):
        system.tell("parent", Note(f"child-{number}"))
        await system.ask("parent", Count())
        system.find(f"parent/child-{number}").halt()
    assert await system.ask("parent", Count()) == 0
    system.tell("parent", Note("child-0"))
    assert await system.ask("parent", Count()) == 1


async def test_past_its_budget_it_stays_to_be_seen_and_its_parent_is_told(system: System) -> None:
    class Giving(Parent):
        def on_start(self) -> None:
            self.spawn(Sample, "child", supervision=Restart(limit=1, first=0.01, jitter=0.0))

    system.spawn(Giving, "parent")
    for _ in range(2):
        system.tell("parent/child", Boom())
        await until(lambda: system.inspect("parent/child").state in ("idle", "failed"))
    assert system.inspect("parent/child").state == "failed"
    assert await system.ask("parent", Told()) == ("failed parent/child",)
    with pytest.raises(ActorFailed):
        await system.ask("parent/child", Echo("x"))


async def test_an_operator_brings_a_failed_actor_back_behind_the_same_reference(system: System) -> None:
    ref = system.spawn(Sample, "a", supervision=Restart(limit=0))
    ref.tell(Boom())
    assert system.inspect("a").state == "failed"

    def restarted() -> bool:
        # While the turn it failed in is not over (1 ms is enough for that), a restart is refused.
        try:
            system.restart("a")
        except RuntimeError:
            return False
        return True

    await until(restarted)
    assert await system.ask(ref, Echo("back"), timeout=5) == "back"


async def test_an_operator_restarts_an_actor_whose_handler_waits(system: System) -> None:
    ref = system.spawn(Sample, "a")
    stuck = ref.ask(Wait(60), block=False)
    kept = ref.ask(Echo("kept"), block=False)
    await until(lambda: system.inspect("a").state == "waiting")
    system.restart("a")
    async with asyncio.timeout(5):
        assert await kept == "kept"
    assert stuck.done()


async def test_a_start_that_fails_is_tried_again_while_asks_wait(system: System) -> None:
    starts = iter((True, True, False))

    class Shaky(Sample):
        def on_start(self) -> None:
            if next(starts):
                raise ValueError("not yet")

    system.spawn(Shaky, "a", supervision=QUICK)
    assert await system.ask("a", Echo("x"), timeout=5) == "x"
    assert system.inspect("a").restarts == 2


async def test_a_start_that_never_succeeds_fails_those_who_asked(system: System) -> None:
    class Broken(Sample):
        async def on_start(self) -> None:  # type: ignore[override]  # Pykka has only plain ones
            raise ValueError("never")

    events: list[ActorEvent] = []
    system.on_event.append(events.append)
    system.spawn(Broken, "a", supervision=Restart(limit=1, first=0.01, jitter=0.0))
    with pytest.raises(ActorFailed):
        await system.ask("a", Echo("x"), timeout=5)
    assert "failed" in [event.kind for event in events]


async def test_an_escalated_failure_is_the_parents(system: System) -> None:
    class Responsible(Parent):
        def on_start(self) -> None:
            self.spawn(Sample, "child", supervision=Escalate())

    system.spawn(Responsible, "parent", supervision=QUICK)
    system.tell("parent/child", Boom())
    await until(lambda: system.inspect("parent").restarts == 1)
    assert await system.ask("parent/child", Echo("anew"), timeout=5) == "anew"


async def test_a_watcher_is_told_of_an_end_now_and_of_one_long_past(system: System) -> None:
    class Watcher(Parent):
        @on(Note)
        def look(self, note: Note) -> None:
            self.watch(note.value)

    watcher, watched = system.spawn(Watcher, "watcher"), system.spawn(Sample, "watched")
    watcher.tell(Note(watched))
    watched.stop(block=False)
    assert await system.ask(watcher, Told()) == ("gone watched",)
    watcher.tell(Note(watched))
    assert await system.ask(watcher, Told()) == ("gone watched", "gone watched")


async def test_a_failing_background_task_goes_to_supervision(system: System) -> None:
    async def fail() -> None:
        raise ValueError("in the background")

    class Busy(Sample):
        def on_start(self) -> None:
            if self.actor_inbox.restarts == 0:
                self.background(fail())

    system.spawn(Busy, "a", supervision=QUICK)
    await until(lambda: system.inspect("a").restarts == 1)


def test_pauses_double_up_to_the_longest_and_old_failures_are_forgotten() -> None:
    rule, failures = Restart(limit=3, window=10.0, first=1.0, longest=3.0, jitter=0.0), list[float]()
    assert [rule.pause(failures, at) for at in (0.0, 1.0, 2.0, 3.0)] == [1.0, 2.0, 3.0, None]
    assert rule.pause(failures, 100.0) == 1.0


def test_jitter_adds_up_to_its_share() -> None:
    pauses = [Restart(first=1.0, jitter=0.2).pause([], 0.0) for _ in range(200)]
    assert all(pause is not None and 1.0 <= pause <= 1.2 for pause in pauses)
    assert len(set(pauses)) > 1
