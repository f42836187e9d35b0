"""What the store's promise costs: acknowledged rows a second, how long an answer takes, and kill -9.

Every figure stands beside its bound, measured in the same run, turn and turn about: SQLite itself, given 500
rows at a time by nobody who waits for an answer, and SQLite committing each row.
"""

import argparse
import gc
import itertools
import json
import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from clawft.domain.sessions import SessionRecord
from clawft.runtime import Reply, System
from clawft.store import Store
from clawft.store.database import FILE_NAME
from clawft.store.sessions import SessionStore
from clawft.store.statements import insert_statement
from clawft.store.tables import MessageRow
from tests.faults.killed import Tally, kill_rounds

TEXT = "The quick brown fox jumps over the lazy dog. " * 5
AT = "2026-02-24T10:30:00.000000Z"
SQL = insert_statement(MessageRow)
IN_FLIGHT = 512
TOGETHER = 500


class Round(NamedTuple):
    """One turn of each: ours, and the two bounds, in rows a second; and every answer's time in seconds."""

    ours: float
    together: float
    each: float
    answers: list[float]


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench store", description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000, help="rows a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kills", type=int, default=25)
    options = parser.parse_args(args)
    with tempfile.TemporaryDirectory(prefix="clawft-bench-") as folder:
        fine = [_speed(Path(folder) / "speed", options.rounds, options.rows)]
        fine.append(_kills(Path(folder), options.kills))
    return 0 if all(fine) else 1


def _speed(folder: Path, rounds: int, rows: int) -> bool:
    system = System("bench")
    store = Store.open(system, folder)
    SessionStore(store).create(SessionRecord("bench", "agent", datetime.now(UTC))).get(timeout=60)
    numbers = itertools.count(1)
    gc.collect()
    gc.freeze()  # what was loaded to get here is not gone through again, as in any host that runs for long
    done = [_round(store, numbers, rows) for _ in range(rounds)]
    store.close()
    system.stop(10)
    return _report_speed(done)


def _round(store: Store, numbers: "itertools.count[int]", rows: int) -> Round:
    path = store.folder / FILE_NAME
    together = _together(path, numbers, rows)
    ours, answers = Pipeline(store, numbers, rows).run()
    return Round(ours, together, _each(path, numbers, max(200, rows // 60)), answers)


class Pipeline:
    """Keeps ``IN_FLIGHT`` inserts waiting for their answers: each answer sends the next."""

    def __init__(self, store: Store, numbers: "itertools.count[int]", rows: int) -> None:
        self._store = store
        self._rows = iter(list(itertools.islice(numbers, rows)))
        self._left = rows
        self._done = threading.Event()
        self._answers: list[float] = []

    def run(self) -> tuple[float, list[float]]:
        rows, began = self._left, time.perf_counter()
        for _ in range(min(IN_FLIGHT, rows)):
            self._send()
        if not self._done.wait(600):
            raise TimeoutError("the store did not answer")
        return rows / (time.perf_counter() - began), self._answers

    def _send(self) -> None:
        number = next(self._rows, None)
        if number is None:
            return
        sent = time.perf_counter()
        reply = self._store.insert(MessageRow, _row(number))
        reply.add_done_callback(lambda reply: self._answered(reply, sent))

    def _answered(self, reply: Reply[None], sent: float) -> None:
        reply.result()
        self._answers.append(time.perf_counter() - sent)
        self._left -= 1
        if not self._left:
            self._done.set()
        self._send()


def _row(number: int) -> tuple[Any, ...]:
    return ("bench", number, None, "user", TEXT, None, AT)


def _bare(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(path, isolation_level=None, timeout=10)
    for pragma in ("synchronous = full", "foreign_keys = 1", "wal_autocheckpoint = 8000"):
        raw.execute(f"PRAGMA {pragma}")
    return raw


def _together(path: Path, numbers: "itertools.count[int]", rows: int) -> float:
    with closing(_bare(path)) as raw:
        began = time.perf_counter()
        for _ in range(rows // TOGETHER):
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(SQL, [_row(number) for number in itertools.islice(numbers, TOGETHER)])
            raw.execute("COMMIT")
        return rows // TOGETHER * TOGETHER / (time.perf_counter() - began)


def _each(path: Path, numbers: "itertools.count[int]", rows: int) -> float:
    with closing(_bare(path)) as raw:
        began = time.perf_counter()
        for number in itertools.islice(numbers, rows):
            raw.execute(SQL, _row(number))
        return rows / (time.perf_counter() - began)


def _report_speed(rounds: list[Round]) -> bool:
    ours = statistics.median(each.ours for each in rounds)
    of_bound = statistics.median(each.ours / each.together for each in rounds)
    of_each = statistics.median(each.ours / each.each for each in rounds)
    answers = [1000 * statistics.quantiles(each.answers, n=100)[98] for each in rounds]
    alone = statistics.median(1000 / each.each for each in rounds)
    p99 = statistics.median(answers)
    return all(
        (
            _say(
                "acknowledged rows/s, 512 in flight",
                ours,
                of_bound,
                "500 rows a commit, no answers",
                "40000 rows/s",
                ours >= 40_000,
            ),
            _say("acknowledged rows/s, 512 in flight", ours, of_each, "a commit a row", "5 x", of_each >= 5),
            _say("ack p99 ms, 512 in flight", p99, p99 / alone, "one row's commit", "20 ms", p99 <= 20),
        )
    )


def _kills(folder: Path, rounds: int) -> bool:
    tally = kill_rounds(folder / "killed", rounds)
    control = _control(folder)
    return all(
        (
            _say(
                f"acknowledged rows lost by kill -9, {rounds} times",
                tally.lost,
                tally.lost / tally.acknowledged,
                f"{tally.acknowledged} acknowledged",
                "0",
                tally.lost == 0 and tally.sound,
            ),
            _say(
                "the same, of a store that answers early",
                control.lost,
                control.lost / control.acknowledged,
                f"{control.acknowledged} acknowledged",
                "caught",
                control.lost > 0,
            ),
        )
    )


def _control(folder: Path) -> Tally:
    """Until the wrong store is caught; ten rounds are far more than that takes."""
    for number in range(10):
        tally = kill_rounds(folder / f"early-{number}", 1, early=True)
        if tally.lost:
            break
    return tally


def _say(figure: str, value: float, ratio: float, against: str, reach: str, ok: bool) -> bool:
    line = {
        "figure": figure,
        "value": round(value, 2),
        "ratio": round(ratio, 4),
        "against": against,
        "reach": reach,
    }
    print(json.dumps({**line, "ok": ok}), flush=True)
    return ok
