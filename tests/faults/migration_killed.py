"""A migration that is killed: afterwards the database is the old one or the new one, never between."""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from clawft.store.migrations import MIGRATIONS, migrate
from tests.faults.figures import Figures

ROOT = Path(__file__).parents[2]
OLD = 1
ROWS = 20_000


def run(long: bool) -> Figures:
    rounds = 50 if long else 6
    figures, seen = Figures(f"migration killed x {rounds}"), Counter[int]()
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / "old.db"
        _make(old)
        expected = [
            _schema_after(Path(folder) / f"v{version}.db", version) for version in range(len(MIGRATIONS) + 1)
        ]
        between = damaged = rows = 0
        takes = _time_of(old, Path(folder))
        for number in range(rounds):
            path = Path(folder) / f"{number}" / "clawft.db"
            path.parent.mkdir()
            shutil.copy(old, path)
            _kill_while_it_migrates(path, random.uniform(0, takes))
            with closing(sqlite3.connect(path)) as raw:
                version = int(raw.execute("PRAGMA user_version").fetchone()[0])
                seen[version] += 1
                between += _schema(raw) != expected[version]
                damaged += raw.execute("PRAGMA integrity_check").fetchone() != ("ok",)
                rows += raw.execute("SELECT count(*) FROM usage").fetchone()[0] == ROWS
            migrate(path)  # whatever it is, the next start brings it up
        figures.note(f"left at versions {dict(sorted(seen.items()))}")
        figures.must(between == 0, f"{between} between two versions")
        figures.must(damaged == 0, f"{damaged} damaged")
        figures.must(rows == rounds, f"all rows in {rows}/{rounds}")
    return figures


def _make(path: Path) -> None:
    migrate(path, MIGRATIONS[:OLD])
    with closing(sqlite3.connect(path)) as raw, raw:
        row = ("t", "s", "a", "p", "m", 2, 1, 1, 0.0, 0.0, 0, "success", "2026-01-01T00:00:00.000000Z")
        marks = ", ".join("?" * len(row))
        columns = (
            "turn_id, session_key, agent_id, provider, model, tier, input_tokens, output_tokens,"
            " input_cost_usd, output_cost_usd, estimated, status, at"
        )
        raw.executemany(f"INSERT INTO usage ({columns}) VALUES ({marks})", [row] * ROWS)


def _schema(raw: sqlite3.Connection) -> list[tuple[str, str]]:
    return sorted(
        raw.execute("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").fetchall()
    )


def _schema_after(path: Path, version: int) -> list[tuple[str, str]]:
    if version:
        migrate(path, MIGRATIONS[:version])
    with closing(sqlite3.connect(path)) as raw:
        return _schema(raw)


def _start(path: Path) -> subprocess.Popen[bytes]:
    code = "\n".join(
        (
            "from pathlib import Path",
            "from clawft.store.migrations import migrate",
            "print('on', flush=True)",
            f"migrate(Path({str(path)!r}))",
        )
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)


def _time_of(old: Path, folder: Path) -> float:
    path = folder / "timed" / "clawft.db"
    path.parent.mkdir()
    shutil.copy(old, path)
    with _start(path) as child:
        assert child.stdout is not None
        child.stdout.readline()
        began = time.monotonic()
        child.wait()
        return time.monotonic() - began


def _kill_while_it_migrates(path: Path, after: float) -> None:
    with _start(path) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(after)
        child.send_signal(signal.SIGKILL)
