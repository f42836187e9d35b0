"""An actor that fails all the time, and ten thousand messages into one session: others do not notice."""

import asyncio
import contextlib
import http.client
import logging
import tempfile
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

from clawft.runtime import Actor, Restart, System, Tell, on
from tests.faults.figures import Figures
from tests.faults.hosts import GONE, Caller, Load, hosting, session, timed
from tests.scenarios.process import HostProcess

SENDERS = 40
PATIENCE, BUSY_PATIENCE = 1.0, 3.0
"""Seconds another session may wait; the second where other tests run on the same processors."""


def run(long: bool) -> Figures:
    seconds, messages = (60.0, 10_000) if long else (2.0, 800)
    figures = Figures(f"an actor failing 100/s for {seconds:g} s; {messages:,} messages into one session")
    logging.disable(logging.CRITICAL)  # each failure is a traceback
    try:
        asyncio.run(_fail(seconds, figures))
    finally:
        logging.disable(logging.NOTSET)
    with tempfile.TemporaryDirectory() as folder, hosting(Path(folder) / "data") as host:
        _flood(host, messages, figures, PATIENCE if long else BUSY_PATIENCE)
    return figures


class Fail(Tell, frozen=True):
    """Fail."""


class Failing(Actor):
    starts = 0

    def on_start(self) -> None:
        Failing.starts += 1

    @on(Fail)
    def fail(self, _: Fail) -> None:
        raise ValueError("again")


class Well(Actor):
    handled = 0

    @on(Fail)
    def take(self, _: Fail) -> None:
        Well.handled += 1


async def _fail(seconds: float, figures: Figures) -> None:
    Failing.starts = Well.handled = 0
    system = System("failing")
    system.attach()
    system.spawn(Failing, "failing", supervision=Restart(first=0.01, longest=0.1))
    system.spawn(Well, "well")
    until, told = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        told += 1
        system.tell("well", Fail())
        with contextlib.suppress(Exception):  # its mailbox is full, or it is gone: both are said
            system.tell("failing", Fail())
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    state = system.inspect("failing").state
    figures.must(Failing.starts <= 12, f"{Failing.starts} starts, then {state}")
    figures.must(state == "failed", f"its state is {state}")
    figures.must(Well.handled == told, f"another handled {Well.handled}/{told}")
    await system.shutdown(5)


def _flood(host: HostProcess, messages: int, figures: Figures, patience: float) -> None:
    token = host.ok("POST", "/api/auth/token")["token"]
    call = Caller(host, token)
    key, other = session(call), session(call)
    statuses: Counter[int] = Counter()
    load = Load.of(SENDERS, partial(_send, host, token, key, messages // SENDERS, statuses))
    slowest = 0.0
    while any(thread.is_alive() for thread in load.threads):
        answer, took = timed(lambda: call("POST", f"/api/sessions/{other}/messages", {"content": "hello"}))
        slowest = max(slowest, took)
        if answer.status != 200:
            figures.must(False, f"another session was answered {answer.status}")
            break
        time.sleep(0.05)
    hung = load.stop(60)
    figures.must(hung == 0, f"{hung} requests hang")
    figures.must(set(statuses) <= {200, 429, 503}, f"answers {dict(sorted(statuses.items()))}")
    figures.must(slowest <= patience, f"another session was answered within {slowest * 1000:.0f} ms")
    said = call("GET", f"/api/sessions/{key}").body["message_count"]
    figures.must(
        said == 2 * statuses[200], f"{statuses[200]:,} acknowledged and answered, {said:,} messages kept"
    )


def _send(
    host: HostProcess,
    token: str,
    key: str,
    count: int,
    statuses: "Counter[int]",
    me: int,
    over: threading.Event,
) -> None:
    """Each message on its own, without waiting for the answers of others: 25 are under way in each thread."""
    path, waiting = f"/api/sessions/{key}/messages", []
    for number in range(count):
        caller = Caller(host, token, timeout=120)
        connection = vars(caller)["_connection"]
        headers = vars(caller)["_headers"]
        try:
            connection.request("POST", path, f'{{"content": "{me}-{number}"}}'.encode(), headers)
            waiting.append(connection)
        except GONE:
            statuses[0] += 1
        if len(waiting) >= 10:
            _collect(waiting, statuses)
    _collect(waiting, statuses)


def _collect(waiting: list[http.client.HTTPConnection], statuses: "Counter[int]") -> None:
    while waiting:
        connection = waiting.pop(0)
        try:
            response = connection.getresponse()
            response.read()
            statuses[response.status] += 1
        except GONE:
            statuses[0] += 1
        finally:
            connection.close()
