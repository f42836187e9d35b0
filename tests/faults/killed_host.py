"""Kill -9 at random under mixed writes: what was acknowledged is there, once, and the host is soon back."""

import random
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.faults.figures import Figures
from tests.faults.hosts import GONE, Caller, Load, hosting, session
from tests.scenarios.process import HostProcess

WRITERS = 6


def run(long: bool) -> Figures:
    rounds, messages = (200, 10_000) if long else (4, 2_000)
    with tempfile.TemporaryDirectory() as folder:
        return _play(Path(folder) / "data", rounds, messages)


class Told:
    """What the host has acknowledged, by kind."""

    def __init__(self) -> None:
        self.messages: set[tuple[str, str]] = set()
        self.memory: set[str] = set()
        self.jobs: set[str] = set()


def _play(data: Path, rounds: int, messages: int) -> Figures:
    figures, told = Figures(f"kill -9 x {rounds}"), Told()
    with hosting(data) as host:
        token = host.ok("POST", "/api/auth/token")["token"]
        keys = [session(Caller(host, token)) for _ in range(WRITERS)]
        host.stop()
    _fill(data, keys[0], messages)
    sound, ready = 0, []
    for number in range(rounds):
        began = time.monotonic()
        with hosting(data) as host:
            ready.append(time.monotonic() - began)
            load = Load.of(WRITERS, partial(_write, host, token, keys, number, told))
            time.sleep(random.uniform(0.1, 1.0))
            host.kill()
            load.stop()
        with closing(sqlite3.connect(data / "clawft.db")) as raw:
            sound += raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with hosting(data) as host:
        _judge(host, token, keys, told, figures)
    figures.must(sound == rounds, f"integrity {sound}/{rounds}")
    worst = max(ready)
    figures.must(
        worst <= 3.0,
        f"ready at {messages:,} messages in {sorted(ready)[len(ready) // 2]:.2f} s, worst {worst:.2f}",
    )
    return figures


def _fill(data: Path, key: str, count: int) -> None:
    with closing(sqlite3.connect(data / "clawft.db")) as raw, raw:
        rows = [
            (key, number, "user", f"old {number}", "2026-01-01T00:00:00.000000Z")
            for number in range(1, count + 1)
        ]
        raw.executemany(
            "INSERT INTO messages (session_key, seq, role, content, timestamp) VALUES (?, ?, ?, ?, ?)", rows
        )
        raw.execute("UPDATE sessions SET message_count = ? WHERE key = ?", (count, key))


def _write(
    host: HostProcess, token: str, keys: list[str], round: int, told: Told, me: int, over: threading.Event
) -> None:
    key, mark = keys[me], f"{round}-{me}"
    call, number = Caller(host, token), 0
    try:
        while not over.is_set():
            number += 1
            name = f"{mark}-{number}"
            if number % 3 == 0:
                if call("POST", "/api/memory", {"key": name, "value": name}).status == 200:
                    told.memory.add(name)
            elif number % 7 == 0:
                job = call("POST", "/api/cron", {"name": name, "schedule": "@yearly"})
                if job.status == 200:
                    told.jobs.add(job.body["id"])
            elif call("POST", f"/api/sessions/{key}/messages", {"content": f"message {name}"}).status == 200:
                told.messages.add((key, f"message {name}"))
    except GONE:
        return
    finally:
        call.close()


def _judge(host: HostProcess, token: str, keys: list[str], told: Told, figures: Figures) -> None:
    call = Caller(host, token)
    said: Counter[tuple[str, str]] = Counter()
    for key in keys:
        for message in call("GET", f"/api/sessions/{key}").body["messages"]:
            if message["role"] == "user":
                said[key, message["content"]] += 1
    lost = sum(not said[each] for each in told.messages)
    doubled = sum(count > 1 for count in said.values())
    figures.must(
        lost == 0 and doubled == 0,
        f"{len(told.messages):,} messages acknowledged, {lost} lost, {doubled} doubled",
    )
    with closing(sqlite3.connect(host.data_dir / "clawft.db")) as raw:
        memory = {key for (key,) in raw.execute("SELECT key FROM memory")}
        jobs = {id for (id,) in raw.execute("SELECT id FROM cron_jobs")}
        running = raw.execute("SELECT count(*) FROM turns WHERE ended_at IS NULL").fetchone()[0]
    gone = len(told.memory - memory) + len(told.jobs - jobs)
    figures.must(gone == 0, f"{len(told.memory):,} memories and {len(told.jobs):,} jobs, {gone} lost")
    figures.must(running == 0, f"{running} turns open that nobody works on")
