"""What actors cost, each figure beside Pykka's ThreadingActor or the ideal, in the same run, turn about.

Memory and waiting are measured in processes of their own, so that nothing freed before is counted as free.
"""

import argparse
import asyncio
import gc
import itertools
import json
import logging
import multiprocessing
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psutil
import pykka

from clawft.runtime import Actor, Ask, Reply, System, on

R = TypeVar("R")

WAIT = 2.0
"""Seconds a handler waits, as for a model."""


class Same(Ask[int], frozen=True):
    """Answered with its number."""

    number: int


class Rest(Ask[None], frozen=True):
    """Answered after two seconds."""


class OnLoop(Actor):
    def __init__(self, key: str = "") -> None:
        self.key = key

    @on(Same)
    def same(self, ask: Same) -> int:
        return ask.number

    @on(Rest)
    async def rest(self, _: Rest) -> None:
        await asyncio.sleep(WAIT)


class OnPool(OnLoop):
    dispatcher = "pool"


class Threaded(pykka.ThreadingActor):
    """The same, with a thread each."""

    use_daemon_thread = True

    def on_receive(self, message: Any) -> Any:
        return message


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench runtime", description=__doc__)
    parser.add_argument("--actors", type=int, default=100_000)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=500, help="ThreadingActors to compare with")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--asks", type=int, default=1_000_000, help="asks against stop")
    options = parser.parse_args(args)
    fine = [
        *_living(options.actors, options.threads, options.rounds),
        *_asking(options.rounds),
        *_waiting(options.waiting),
        _stopping(options.asks),
    ]
    return 0 if all(fine) else 1


def figure(name: str, value: float, other: float, against: str, reach: str, *, ok: bool) -> bool:
    """Print one line. ``ratio`` is ours by theirs: below 1 is less time or memory than they take."""
    line = {"figure": name, "value": round(value, 4), "ratio": round(value / other, 4) if other else None}
    print(json.dumps({**line, "against": against, "reach": reach, "ok": ok}), flush=True)
    return ok


def apart(work: Callable[..., R], *args: int) -> R:
    """Run it in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, args)


def rss() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


# Living


def _living(actors: int, threads: int, rounds: int) -> list[bool]:
    size, turns = 0.0, []
    threaded = apart(_threaded, threads)
    for _ in range(max(1, rounds // 3)):
        size, seconds = apart(_activate, actors)
        turns.append((seconds, apart(_threaded, threads)[1]))
    ours, theirs = (statistics.median(column) for column in zip(*turns, strict=True))
    return [
        figure(
            f"bytes of each of {actors} live actors",
            size,
            threaded[0],
            f"ThreadingActor, {threads} of them",
            "<= 2048",
            ok=size <= 2048,
        ),
        figure(
            "us to activate a virtual actor and give it its first message",
            ours * 1e6,
            theirs * 1e6,
            "ThreadingActor, start and first tell",
            "<= 25",
            ok=ours * 1e6 <= 25,
        ),
    ]


def _activate(actors: int) -> tuple[float, float]:
    return asyncio.run(_activated(actors))


async def _activated(actors: int) -> tuple[float, float]:
    """Bytes and seconds an actor."""
    system = System("bench")
    system.attach()
    directory = system.virtual(OnLoop, "v", idle=1e6, max_active=actors + 1)
    keys = [f"sess-{number:06d}" for number in range(actors)]
    before, note = rss(), Same(1)
    began = time.perf_counter()
    for key in keys:
        directory.ask(key, note)
    took = time.perf_counter() - began
    assert len(directory) == actors
    return (rss() - before) / actors, took / actors


def _threaded(actors: int) -> tuple[float, float]:
    """Bytes and seconds an actor."""
    before, began = rss(), time.perf_counter()
    refs = [Threaded.start() for _ in range(actors)]
    for ref in refs:
        ref.tell(1)
    took = time.perf_counter() - began
    pykka.get_all([ref.ask(1, block=False) for ref in refs])
    return (rss() - before) / actors, took / actors


# Asking


def _asking(rounds: int) -> list[bool]:
    loop, pool, threaded = [], [], []
    for _ in range(rounds):
        loop.append(asyncio.run(_loop_ask(20_000)))
        pool.append(_p50(_pool_ask, 3_000))
        threaded.append(_p50(_threaded_ask, 3_000))
    ours, pooled, theirs = (statistics.median(each) * 1e6 for each in (loop, pool, threaded))
    against = "ThreadingActor, p50 of an ask"
    return [
        figure("us for an ask on the loop", ours, theirs, against, "<= 5", ok=ours <= 5),
        figure("us for an ask on the pool, p50", pooled, theirs, against, "<= 50", ok=pooled <= 50),
    ]


async def _loop_ask(times: int) -> float:
    """Seconds each."""
    system = System("bench")
    system.attach()
    ref, ask = system.spawn(OnLoop, "echo"), Same(1)
    began = time.perf_counter()
    for _ in range(times):
        await system.ask(ref, ask)
    took = time.perf_counter() - began
    await system.shutdown(5)
    return took / times


def _p50(asks: Callable[[int], list[float]], times: int) -> float:
    return statistics.median(asks(times))


def _pool_ask(times: int) -> list[float]:
    system = System("bench")
    ref, ask = system.spawn(OnPool, "echo"), Same(1)
    try:
        return [_timed(lambda: ref.ask(ask)) for _ in range(times)]
    finally:
        system.stop(5)


def _threaded_ask(times: int) -> list[float]:
    ref = Threaded.start()
    try:
        return [_timed(lambda: ref.ask(1)) for _ in range(times)]
    finally:
        ref.stop()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# Waiting


def _waiting(actors: int) -> list[bool]:
    seconds, size, ideal = apart(_rest, actors)
    ratio = seconds / WAIT
    bare = f"asyncio.sleep in {actors} tasks: {ideal:.2f} s; the ideal is {WAIT} s"
    return [
        figure(
            f"s until {actors} handlers that wait 2 s each have answered",
            seconds,
            WAIT,
            bare,
            "ratio <= 1.25",
            ok=ratio <= 1.25,
        ),
        figure("bytes of each of them while it waits", size, 4096, "4096", "<= 4096", ok=size <= 4096),
    ]


def _rest(actors: int) -> tuple[float, float, float]:
    return asyncio.run(_rested(actors))


async def _rested(actors: int) -> tuple[float, float, float]:
    """Seconds for all, bytes each (its actor is there before), seconds the bare tasks take."""
    system = System("bench")
    system.attach()
    refs = [system.spawn(OnLoop, f"rest-{number}") for number in range(actors)]
    before, began = rss(), time.perf_counter()
    replies = [system.ask(ref, Rest()) for ref in refs]
    await asyncio.sleep(WAIT / 4)
    size = (rss() - before) / actors
    await _all(replies)
    took = time.perf_counter() - began
    began = time.perf_counter()
    await asyncio.gather(*(asyncio.sleep(WAIT) for _ in range(actors)))
    return took, size, time.perf_counter() - began


async def _all(replies: list[Reply[None]]) -> None:
    for reply in replies:
        await _one(reply)


async def _one(reply: Awaitable[R]) -> R:
    return await reply


# Stopping


def _stopping(asks: int) -> bool:
    """Asks against stop, with threads that change places all the time. The ideal is that none hangs."""
    asked, hung = apart(_race, asks)
    return figure(f"asks that hung, of {asked} against stop", hung, 0, "the ideal, 0", "0", ok=hung == 0)


def _race(wanted: int) -> tuple[int, int]:
    logging.disable(logging.CRITICAL)
    sys.setswitchinterval(1e-6)
    system, asked, hung = System("race"), 0, 0
    for number, kind in enumerate(itertools.cycle((OnLoop, OnPool))):
        replies = _against_stop(system, kind, f"racer-{number}")
        hung += sum(_hangs(reply) for reply in replies)
        asked += len(replies)
        if asked >= wanted:
            break
    return asked, hung


def _against_stop(system: System, kind: type[OnLoop], name: str) -> list[Reply[int]]:
    ref, replies = system.spawn(kind, name), list[Reply[int]]()

    def ask() -> None:
        replies.extend(ref.ask(Same(1), block=False) for _ in range(300))

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    ref.stop(block=False)
    for asker in askers:
        asker.join()
    return replies


def _hangs(reply: Reply[int]) -> bool:
    try:
        reply.get(timeout=5)
    except pykka.Timeout:
        return True
    except pykka.ActorDeadError:
        pass
    return False
