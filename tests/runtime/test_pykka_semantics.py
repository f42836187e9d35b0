"""What Pykka promises of an actor holds on every dispatcher."""

import time
from typing import Any

import pykka
import pytest
from pykka import ActorDeadError, ActorRegistry

from clawft.runtime import Actor, System
from tests.runtime.actors import EVERYWHERE, Note, Sample


class Plain(Actor):
    """Written as for Pykka: no typed messages."""

    field = 7

    def __init__(self, greeting: str = "hello") -> None:
        super().__init__()
        self.greeting = greeting
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if message == "raise":
            raise ValueError("asked to")
        self.seen.append(message)
        return f"{self.greeting} {message}"

    def shout(self, word: str) -> str:
        return word.upper()


class PlainOnPool(Plain):
    dispatcher = "pool"


class PlainPinned(Plain):
    dispatcher = "pinned"


PLAIN = (Plain, PlainOnPool, PlainPinned)
on_every_dispatcher = pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.dispatcher)


@on_every_dispatcher
def test_ask_gives_the_answer(kind: type[Plain]) -> None:
    ref = kind.start("hi")
    assert ref.ask("you", timeout=5) == "hi you"
    ref.stop()


@on_every_dispatcher
def test_ask_without_blocking_gives_a_future(kind: type[Plain]) -> None:
    ref = kind.start()
    future = ref.ask("you", block=False)
    assert isinstance(future, pykka.Future)
    assert future.get(timeout=5) == "hello you"
    ref.stop()


@on_every_dispatcher
def test_messages_of_one_sender_keep_their_order(kind: type[Plain]) -> None:
    ref = kind.start()
    for number in range(500):
        ref.tell(number)
    ref.ask("last", timeout=5)
    assert ref.proxy().seen.get(timeout=5)[:500] == list(range(500))
    ref.stop()


@on_every_dispatcher
def test_an_exception_in_an_ask_goes_to_the_asker_and_the_actor_lives_on(kind: type[Plain]) -> None:
    ref = kind.start()
    with pytest.raises(ValueError, match="asked to"):
        ref.ask("raise", timeout=5)
    assert ref.ask("still", timeout=5) == "hello still"
    ref.stop()


@on_every_dispatcher
def test_an_exception_in_a_tell_stops_the_actor_and_calls_on_failure(kind: type[Plain]) -> None:
    failures: list[Any] = []

    class Failing(kind):  # type: ignore[valid-type, misc]  # a class chosen at run time
        def on_failure(self, *exc_info: Any) -> None:
            failures.append(exc_info[0])

    ref = Failing.start()
    ref.tell("raise")
    assert ref.actor_stopped.wait(5)
    with pytest.raises(ActorDeadError):
        ref.tell("more")
    while not failures:
        time.sleep(0.001)
    assert failures == [ValueError]


@on_every_dispatcher
def test_what_was_told_before_stop_is_handled_and_what_comes_after_is_refused(kind: type[Plain]) -> None:
    ref = kind.start()
    before = [ref.ask(number, block=False) for number in range(50)]
    assert ref.stop(timeout=5) is True
    assert [reply.get(timeout=5) for reply in before][-1] == "hello 49"
    with pytest.raises(ActorDeadError):
        ref.ask("late", timeout=5)
    assert ref.stop(timeout=5) is False


@on_every_dispatcher
def test_a_proxy_calls_reads_and_writes(kind: type[Plain]) -> None:
    proxy: Any = kind.start().proxy()
    assert proxy.shout("a").get(timeout=5) == "A"
    assert proxy.field.get(timeout=5) == 7
    proxy.field = 8
    assert proxy.field.get(timeout=5) == 8
    proxy.stop().get(timeout=5)


@on_every_dispatcher
def test_the_registry_knows_who_is_alive(kind: type[Plain]) -> None:
    ref = kind.start()
    assert ref in ActorRegistry.get_all()
    assert ActorRegistry.get_by_class(kind) == [ref]
    assert ActorRegistry.get_by_urn(ref.actor_urn) is ref
    ref.stop(timeout=5)
    assert ref not in ActorRegistry.get_all()


@on_every_dispatcher
def test_hooks_run_in_order(kind: type[Plain]) -> None:
    order: list[str] = []

    class Hooked(kind):  # type: ignore[valid-type, misc]  # a class chosen at run time
        def on_start(self) -> None:
            order.append("start")

        def on_receive(self, message: Any) -> Any:
            order.append(message)

        def on_stop(self) -> None:
            order.append("stop")

    ref = Hooked.start()
    ref.tell("work")
    ref.stop(timeout=5)
    assert order == ["start", "work", "stop"]


@on_every_dispatcher
def test_a_timeout_is_pykkas(kind: type[Plain]) -> None:
    class Slow(kind):  # type: ignore[valid-type, misc]  # a class chosen at run time
        def on_receive(self, message: Any) -> Any:
            time.sleep(0.2)

    ref = Slow.start()
    with pytest.raises(pykka.Timeout):
        ref.ask("x", timeout=0.01)
    ref.stop(timeout=5)


def test_futures_map_filter_join_and_reduce() -> None:
    ref = Plain.start()
    one, two = ref.ask(1, block=False), ref.ask(2, block=False)
    assert one.map(str.upper).get(timeout=5) == "HELLO 1"
    assert one.join(two).get(timeout=5) == ["hello 1", "hello 2"]
    ref.stop()


def test_each_dispatcher_runs_where_it_says(apart: System) -> None:
    refs = [apart.spawn(kind, kind.__name__) for kind in EVERYWHERE]
    threads = [ref.proxy().thread.get(timeout=5) for ref in refs]
    assert len(set(threads)) == 3
    assert threads[0] == apart.port.thread


def test_an_actor_is_an_object_that_needs_no_thread() -> None:
    sample = Sample("x")
    sample.note(Note(1))
    assert sample.notes == [1]
