"""Another program holds the database: for long it is said, and health answers all the while."""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.faults.figures import Figures
from tests.faults.hosts import Caller, hosting, timed


def run(long: bool) -> Figures:
    figures = Figures("database locked")
    with tempfile.TemporaryDirectory() as folder, hosting(Path(folder) / "data") as host:
        token = host.ok("POST", "/api/auth/token")["token"]
        call, other = Caller(host, token), Caller(host, token)

        def put(name: str) -> int:
            return call("POST", "/api/memory", {"key": name, "value": "x"}).status

        put("warm")
        with _locked(host.data_dir / "clawft.db", 2.0 if long else 1.0):
            status, took = _of(lambda: put("short"))
        figures.must(status == 200, f"for a moment: {status} after {took:.2f} s")
        seconds = 30.0 if long else 5.5
        slowest = 0.0
        healths: list[float] = []
        statuses: list[int] = []
        with _locked(host.data_dir / "clawft.db", seconds):
            until = time.monotonic() + seconds - 0.5
            asking = threading.Thread(target=_ask_health, args=(other, until, healths))
            asking.start()
            while time.monotonic() < until:
                status, took = _of(lambda: put("long"))
                statuses.append(status)
                slowest = max(slowest, took)
                time.sleep(0.3)
            asking.join()
        figures.must(
            set(statuses[:1]) == {503} and slowest <= 6.0,
            f"for {seconds:.0f} s: {statuses[0]} within {slowest:.2f} s",
        )
        healths.sort()
        figures.must(healths[-1] <= 0.1, f"health within {healths[-1] * 1000:.0f} ms, {len(healths)} times")
        began = time.monotonic()
        while put("after") != 200 and time.monotonic() - began < 20:
            time.sleep(0.1)
        figures.must(time.monotonic() - began <= 6.0, f"back after {time.monotonic() - began:.2f} s")
    return figures


def _of(call) -> tuple[int, float]:  # type: ignore[no-untyped-def]
    began = time.monotonic()
    return call(), time.monotonic() - began


def _ask_health(call: Caller, until: float, took: list[float]) -> None:
    while time.monotonic() < until:
        took.append(timed(lambda: call("GET", "/api/health"))[1])
        time.sleep(0.05)


@contextmanager
def _locked(path: Path, seconds: float) -> Iterator[None]:
    held = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.execute("BEGIN IMMEDIATE")
            held.set()
            time.sleep(seconds)
            raw.execute("ROLLBACK")

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        yield
    finally:
        holder.join()
