"""Long use: memory, descriptors, threads and the log stay where they are.

``SOAK_MINUTES`` says how long; 30 if it does not.
"""

import os
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.faults.figures import Figures
from tests.faults.hosts import Caller, Load, hosting, session
from tests.faults.readers import subscribed
from tests.scenarios.process import HostProcess

USERS = 4


class Reading(NamedTuple):
    requests: int
    memory: int
    descriptors: int
    threads: int
    log: int


def run(long: bool) -> Figures:
    seconds = float(os.environ.get("SOAK_MINUTES", "30")) * 60 if long else 6.0
    figures = Figures(f"soak for {seconds / 60:.1f} minutes")
    with tempfile.TemporaryDirectory() as folder, hosting(Path(folder) / "data") as host:
        token = host.ok("POST", "/api/auth/token")["token"]
        counts = [0] * USERS
        load = Load.of(USERS, partial(_use, host, token, counts))
        readings = []
        # What is warm is warm after a tenth of it.
        until, warm = time.monotonic() + seconds, time.monotonic() + seconds / 10
        while time.monotonic() < until:
            time.sleep(seconds / 60)
            if time.monotonic() >= warm:
                readings.append(_read(host, sum(counts)))
        hung = load.stop()
        _judge(figures, readings, hung, long)
    return figures


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


def _slope(points: list[tuple[int, int]]) -> float:
    """Of the straight line through the points (least squares)."""
    count = len(points)
    mean_x, mean_y = (sum(each) / count for each in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
