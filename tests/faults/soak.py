"""Long use: memory, descriptors, threads, actors and the log stay where they are.

``SOAK_MINUTES`` says how long; 30 if it does not. It counts from when the host is warm, which is

- when the connections to the database have seen more of it than their caches hold: until then memory grows
  with the database;
- and after 20,000 requests, by when the garbage collector has gone round: it does after 20,000 new objects.
"""

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.faults.figures import Figures
from tests.faults.hosts import Caller, Load, hosting, session
from tests.faults.readers import subscribed
from tests.scenarios.process import HostProcess

USERS = 4
OLD, OLD_SIZE = 800, 24 * 1024
"""Old sessions and the size of what is said in each: together more than the 16 MiB that the writer keeps."""
CALLS = 12_000
"""Calls of models in the past. Each look at the costs reads them all: more than the 2 MiB a reader keeps."""
USED = 20_000
"""Requests before it counts."""


class Reading(NamedTuple):
    requests: int
    memory: int
    descriptors: int
    threads: int
    log: int


def run(long: bool) -> Figures:
    seconds = float(os.environ.get("SOAK_MINUTES", "30")) * 60 if long else 4.0
    figures = Figures(f"soak for {seconds / 60:.1f} minutes")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        if long:
            _fill(data)
        with hosting(data) as host:
            token = host.ok("POST", "/api/auth/token")["token"]
            if long:
                _warm(host, token)
            before = _resources(host)
            readings, hung = _soak(host, token, seconds, USED if long else 200)
            _judge(figures, readings, hung, long)
            _judge_rest(figures, before, _resources(host))
    return figures


def _fill(data: Path) -> None:
    with hosting(data) as host:
        host.ok("GET", "/api/sessions")
        host.stop()
    at = "2026-01-01T00:00:00.000000Z"
    with closing(sqlite3.connect(data / "clawft.db")) as raw, raw:
        sessions = "INSERT INTO sessions (key, agent_id, created_at, updated_at) VALUES (?, ?, ?, ?)"
        raw.executemany(sessions, [(f"old-{n}", "general-agent", at, at) for n in range(OLD)])
        messages = (
            "INSERT INTO messages (session_key, seq, role, content, timestamp) VALUES (?, 1, 'user', ?, ?)"
        )
        raw.executemany(messages, [(f"old-{n}", "x" * OLD_SIZE, at) for n in range(OLD)])
        raw.executemany(
            "INSERT INTO usage (turn_id, session_key, agent_id, provider, model, tier, input_tokens,"
            " output_tokens, input_cost_usd, output_cost_usd, estimated, status, at)"
            " VALUES (?, ?, 'general-agent', 'offline', 'rules-1', 2, 1, 1, 0, 0, 0, 'success', ?)",
            [(f"turn-{n:032}", f"sess-{n:032}", at) for n in range(CALLS)],
        )


def _warm(host: HostProcess, token: str) -> None:
    """Delete the old sessions: the writer has to look at all that is in them."""
    keys = iter([f"old-{n}" for n in range(OLD)])
    load = Load.of(USERS, lambda *_: _delete(Caller(host, token), keys))
    assert load.join(300) == 0


def _delete(call: Caller, keys: Iterator[str]) -> None:
    for key in keys:
        assert call("DELETE", f"/api/sessions/{key}").status == 200


def _soak(host: HostProcess, token: str, seconds: float, used: int) -> tuple[list[Reading], int]:
    counts = [0] * USERS
    load = Load.of(USERS, partial(_use, host, token, counts))
    while sum(counts) < used:
        time.sleep(0.1)
    readings = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(seconds / 60)
        readings.append(_read(host, sum(counts)))
    return readings, load.stop()


def _use(host: HostProcess, token: str, counts: list[int], me: int, over: threading.Event) -> None:
    """A day of somebody: talk, look, remember, tools, jobs, a socket that comes and goes."""
    call, number = Caller(host, token), 0
    while not over.is_set():
        key = session(call)
        reader = subscribed(host.port, token, f"sessions:{key}")
        for content in (
            "hello",
            "remember that tea is green",
            'Use the list_directory tool with {"path": "."}',
            "sort: c b a",
        ):
            call("POST", f"/api/sessions/{key}/messages", {"content": content})
            call("GET", f"/api/sessions/{key}")
            call("GET", "/api/monitoring/costs")
        call("POST", "/api/memory", {"key": f"m-{me}-{number % 50}", "value": "x" * 200})
        job = call("POST", "/api/cron", {"name": f"j-{me}", "schedule": "@yearly"}).body["id"]
        call("DELETE", f"/api/cron/{job}")
        call("DELETE", f"/api/sessions/{key}")
        reader.close()
        number += 1
        counts[me] += 18


def _read(host: HostProcess, requests: int) -> Reading:
    process = psutil.Process(host.process.pid)
    log = host.data_dir / "clawft.db-wal"
    return Reading(
        requests,
        process.memory_info().rss,
        process.num_fds(),
        process.num_threads(),
        log.stat().st_size if log.exists() else 0,
    )


def _judge(figures: Figures, readings: list[Reading], hung: int, long: bool) -> None:
    requests = readings[-1].requests - readings[0].requests
    slope = _slope([(reading.requests, reading.memory) for reading in readings]) * 100_000 / 2**20
    figures.must(hung == 0, f"{readings[-1].requests:,} requests, {hung} hang")
    words = (
        f"memory {slope:+.2f} MiB per 100,000 requests (of {requests:,}), at {readings[-1].memory >> 20} MiB"
    )
    figures.must(slope <= 2.0 or not long, words)
    for name, most in (("descriptors", 5), ("threads", 2)):
        values = [getattr(reading, name) for reading in readings]
        drift = values[-1] - values[0]
        figures.must(abs(drift) <= most or not long, f"{name} {drift:+d}")
    log = max(reading.log for reading in readings)
    figures.must(log <= 64 * 2**20, f"log at most {log / 2**20:.0f} MiB")


def _resources(host: HostProcess) -> dict[str, int]:
    """What an idle host has, by name. The connection that asks is there before and after."""
    actors = host.ok("GET", "/api/actors")
    process = psutil.Process(host.process.pid)
    return {"actors": len(actors), "descriptors": process.num_fds(), "threads": process.num_threads()}


def _judge_rest(figures: Figures, before: dict[str, int], after: dict[str, int]) -> None:
    """Nothing of what was used is left: nobody is at work any more."""
    for name, most in (("actors", 0), ("descriptors", 8), ("threads", 4)):
        figures.must(after[name] - before[name] <= most, f"{after[name] - before[name]:+d} {name} left")


def _slope(points: list[tuple[int, int]]) -> float:
    """Of the straight line through the points (least squares)."""
    count = len(points)
    mean_x, mean_y = (sum(each) / count for each in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
