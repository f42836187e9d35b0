"""Asks against stop: whoever asks is answered or refused, never left waiting."""

import os
import sys
import threading
import time
from collections.abc import Iterator

import pykka
import pytest

from clawft.runtime import Ref, Reply, System
from tests.runtime.actors import EVERYWHERE, Echo, Sample

ASKERS, EACH = 3, 30
ENOUGH = 1_000_000


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads change places as often as they can: what may come between two steps does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def ask_against_stop(system: System, kind: type[Sample], name: str) -> int:
    """Stop an actor while some ask it. Gives how many asks there were; fails when one is not settled."""
    ref = system.spawn(kind, name)
    replies: list[Reply[str]] = []
    askers = [threading.Thread(target=ask_often, args=(ref, replies)) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    ref.stop(block=False)
    for asker in askers:
        asker.join()
    for reply in replies:
        settle(reply)
    return len(replies)


def ask_often(ref: Ref, replies: list[Reply[str]]) -> None:
    replies.extend(ref.ask(Echo("x"), block=False) for _ in range(EACH))


def settle(reply: Reply[str]) -> None:
    try:
        assert reply.get(timeout=5) == "x"
    except pykka.ActorDeadError:
        assert reply.done()


@pytest.mark.parametrize("kind", EVERYWHERE, ids=lambda kind: kind.dispatcher)
def test_no_ask_hangs_when_its_actor_stops(apart: System, hasty: None, kind: type[Sample]) -> None:
    asks = sum(ask_against_stop(apart, kind, f"racer-{n}") for n in range(15))
    assert asks == 15 * ASKERS * EACH


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", EVERYWHERE[:2], ids=lambda kind: kind.dispatcher)
def test_of_a_million_asks_none_hangs(apart: System, hasty: None, kind: type[Sample]) -> None:
    """As many as CLAWFT_ASKS says; each kind does its share."""
    wanted, asked, began = int(os.environ.get("CLAWFT_ASKS", ENOUGH)) // 2, 0, time.monotonic()
    while asked < wanted:
        asked += ask_against_stop(apart, kind, f"racer-{asked}")
    print(f"{asked} asks to {kind.dispatcher} actors in {time.monotonic() - began:.0f} s, none hung")
