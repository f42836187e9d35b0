"""Kill -9 while it writes: is everything that was acknowledged there?

``python -m tests.faults.killed FOLDER [early]`` writes for ever, and prints the number of each row once its
reply says that it is kept. ``early`` is a store that is wrong on purpose: it answers before it commits. A
check that does not catch it proves nothing about the other.
"""

import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from clawft.runtime import Envelope, Reply, System
from clawft.store import Store
from clawft.store import store as module
from clawft.store.database import FILE_NAME
from clawft.store.tables import EventRow
from clawft.store.writer import Writer

ROOT = Path(__file__).parents[2]
IN_FLIGHT = 256
AT = "2026-02-24T10:30:00.000000Z"
BODY = b"The quick brown fox jumps over the lazy dog. " * 5


class Tally(NamedTuple):
    """What came of some rounds. ``sound``: SQLite found no damage after any of them."""

    acknowledged: int
    lost: int
    sound: bool


class EarlyWriter(Writer):
    """Wrong on purpose: says that it is kept, and only then keeps it."""

    def on_batch(self, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            assert envelope.reply_to is not None
            envelope.reply_to.settle(None, None)
        time.sleep(0.001)
        super().on_batch([Envelope(envelope.message, Reply()) for envelope in envelopes])


def kill_rounds(folder: Path, rounds: int, *, early: bool = False) -> Tally:
    """Start a writer, kill it after a random number of acknowledgements, look what is there; again."""
    acknowledged: set[int] = set()
    sound = True
    for _ in range(rounds):
        acknowledged |= _until_killed(folder, random.randint(100, 6_000), early)
        kept, intact = _look(folder)
        sound = sound and intact
    return Tally(len(acknowledged), len(acknowledged - kept), sound)


def _until_killed(folder: Path, after: int, early: bool) -> set[int]:
    command = [sys.executable, "-m", "tests.faults.killed", str(folder), *(["early"] if early else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        told = set(_numbers(child.stdout, after))
        child.send_signal(signal.SIGKILL)
        told |= set(_numbers(child.stdout, sys.maxsize))
    assert child.returncode == -signal.SIGKILL, f"the writer ended by itself: {child.returncode}"
    return told


def _numbers(lines: IO[bytes], most: int) -> list[int]:
    return [int(line) for line in itertools.islice(lines, most)]


def _look(folder: Path) -> tuple[set[int], bool]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as raw:
        intact = raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {seq for (seq,) in raw.execute("SELECT seq FROM events")}, intact


def write_for_ever(folder: Path) -> None:
    store = Store.open(System("killed"), folder)
    room = threading.Semaphore(IN_FLIGHT)
    first = store.read(lambda: EventRow.select().count()).get(timeout=30) + 1_000_000 * random.randrange(
        1_000
    )
    for seq in itertools.count(first):
        room.acquire()
        _write(store, seq).add_done_callback(partial(_tell, seq, room))


def _write(store: Store, seq: int) -> Reply[None]:
    """Mostly the quick way, now and then the other, so that groups are mixed."""
    if seq % 10:
        return store.insert(EventRow, ("killed", seq, BODY, AT))
    return store.write(lambda: EventRow.insert(topic="killed", seq=seq, body=BODY, at=AT).execute())


def _tell(seq: int, room: threading.Semaphore, reply: Reply[None]) -> None:
    try:
        reply.result()
    except Exception as error:
        print(error, file=sys.stderr)
        os._exit(1)
    os.write(1, b"%d\n" % seq)
    room.release()


if __name__ == "__main__":
    if "early" in sys.argv:
        vars(module)["Writer"] = EarlyWriter
    write_for_ever(Path(sys.argv[1]))
