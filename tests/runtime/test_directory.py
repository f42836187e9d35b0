"""Virtual actors: there when a message comes, gone when idle, and nothing lost in between."""

import asyncio
import threading
import time
from collections import defaultdict

import pytest

from clawft.runtime import Actor, Ask, Directory, System, Tell, on
from tests.runtime.actors import Echo, Sample, Wait

SENDERS, EACH, KEYS = 4, 1000, 20


class Numbered(Tell, frozen=True):
    """The so-manieth note of a sender to this key."""

    sender: int
    number: int


class Reached(Ask[None], frozen=True):
    """Answered when all that came before is noted."""


class Keeper(Actor):
    """Notes what it gets in what outlives it, as a session does in the store."""

    dispatcher = "pool"
    kept: defaultdict[str, list[Numbered]]

    def __init__(self, key: str) -> None:
        self.mine = self.kept[key]

    @on(Numbered)
    def keep(self, note: Numbered) -> None:
        self.mine.append(note)

    @on(Reached)
    def reached(self, _: Reached) -> None:
        """Nothing else to do."""


def send(directory: Directory, sender: int, retired: list[int]) -> None:
    """Now and then let an actor come to rest and sweep, so that some go while others are told."""
    for number in range(EACH):
        key = f"key-{number % KEYS}"
        directory.tell(key, Numbered(sender, number))
        if number % 7 == sender:
            directory.ask(key, Reached()).get(timeout=10)
            retired.append(directory.sweep(KEYS))


def test_nothing_is_lost_and_order_kept_while_actors_come_and_go(apart: System) -> None:
    Keeper.kept = defaultdict(list)
    directory = apart.virtual(Keeper, "kept", idle=0.0)
    retired: list[int] = []
    senders = [threading.Thread(target=send, args=(directory, n, retired)) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    for key in range(KEYS):
        directory.ask(f"key-{key}", Reached()).get(timeout=10)
    assert sum(retired) > KEYS
    for key in range(KEYS):
        notes = Keeper.kept[f"key-{key}"]
        for who in range(SENDERS):
            numbers = [note.number for note in notes if note.sender == who]
            assert numbers == list(range(key, EACH, KEYS))


async def test_the_first_message_makes_the_actor_and_idleness_ends_it(system: System) -> None:
    directory = system.virtual(Sample, "v", idle=0.0)
    assert len(directory) == 0
    assert await directory.ask("k", Echo("x")) == "kx"
    assert directory.active() == ("k",)
    assert directory.sweep() == 1
    assert directory.active() == ()


async def test_a_path_reaches_a_virtual_actor(system: System) -> None:
    system.virtual(Sample, "v")
    assert await system.ask("v/some", Echo("!")) == "some!"
    assert [status.path for status in system.tree()] == ["v/some"]


async def test_one_whose_handler_waits_is_not_retired(system: System) -> None:
    directory = system.virtual(Sample, "v", idle=0.0)
    reply = directory.ask("k", Wait(0.05))
    assert directory.sweep() == 0
    assert await reply == "waited"


async def test_one_with_background_work_is_not_retired(system: System) -> None:
    class Worker(Sample):
        @on(Reached)
        def begin(self, _: Reached) -> None:
            self.background(asyncio.sleep(60))

    directory = system.virtual(Worker, "v", idle=0.0)
    await directory.ask("k", Reached())
    assert directory.sweep() == 0
    assert directory.active() == ("k",)


async def test_those_beyond_the_cap_go_the_least_recently_used_first(system: System) -> None:
    directory = system.virtual(Sample, "v", idle=1000.0, max_active=2)
    for key in ("a", "b", "c", "a"):
        await directory.ask(key, Echo(""))
    directory.sweep()
    assert directory.active() == ("c", "a")


async def test_an_idle_actor_is_retired_at_once_when_asked_and_a_busy_one_is_not(system: System) -> None:
    directory = system.virtual(Sample, "v", idle=1000.0)
    waiting = directory.ask("busy", Wait(0.05))
    await directory.ask("idle", Echo(""))
    assert directory.retire("idle")
    assert not directory.retire("busy")
    assert directory.active() == ("busy",)
    assert await waiting == "waited"


@pytest.mark.timeout(20)
def test_a_directory_sweeps_itself(apart: System) -> None:
    directory = apart.virtual(Sample, "v", idle=0.05)
    directory.ask("k", Echo("")).get(timeout=5)
    until = time.monotonic() + 5
    while len(directory) and time.monotonic() < until:
        time.sleep(0.01)
    assert len(directory) == 0
