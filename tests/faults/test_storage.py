"""A disk that is full, a file that cannot be written, a database that someone else holds."""

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clawft.errors import StorageFull, Unavailable, UsageError
from clawft.runtime import Reply, System
from clawft.store import Store
from clawft.store.database import FILE_NAME, connection
from clawft.store.tables import EventRow
from clawft.store.writer import Tidy

WAIT = 20.0
AT = "2026-02-24T10:30:00.000000Z"
LARGE = b"x" * 256 * 1024


def insert(store: Store, seq: int, body: bytes = LARGE) -> Reply[None]:
    return store.insert(EventRow, ("full", seq, body, AT))


def kept(store: Store) -> list[int]:
    return store.read(lambda: [row.seq for row in EventRow.select(EventRow.seq)]).get(timeout=WAIT)


def sound(store: Store) -> bool:
    return bool(
        store.read(lambda: connection().execute("PRAGMA integrity_check").fetchone()[0] == "ok").get()
    )


def seconds(reply: Callable[[], Reply[Any]], error: type[Exception]) -> float:
    """How long it takes to be told of the error."""
    began = time.monotonic()
    with pytest.raises(error):
        reply().get(timeout=WAIT)
    return time.monotonic() - began


class Disk:
    """A disk of 8 MB, in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, _: Store) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 4096):
                    pass
            except OSError:
                return

    def free(self, _: Store) -> None:
        self._ballast.unlink()


class Pages:
    """Where nothing may be mounted: SQLite itself is told to take the disk for full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, store: Store) -> None:
        store.write(lambda: self._limit(1)).get(timeout=WAIT)

    def free(self, store: Store) -> None:
        store.write(lambda: self._limit(1_000_000)).get(timeout=WAIT)

    @staticmethod
    def _limit(pages: int) -> None:
        connection().execute(f"PRAGMA max_page_count = {pages}").fetchone()


def mount(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def may_mount() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        if not mount(Path(folder)):
            return False
        unmount(Path(folder))
        return True


@pytest.fixture(params=["disk", "pages"] if may_mount() else ["pages"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk | Pages]:
    folder = tmp_path / "small"
    folder.mkdir()
    if request.param == "pages":
        yield Pages(folder)
        return
    assert mount(folder)
    yield Disk(folder)
    unmount(folder)


@pytest.fixture
def system() -> Iterator[System]:
    system = System("faults")
    yield system
    system.stop(10)


def test_a_full_disk_is_told_at_once_and_forgotten_when_there_is_room(
    disk: Disk | Pages, system: System
) -> None:
    store = Store.open(system, disk.folder / "data")
    insert(store, 1).get(timeout=WAIT)
    disk.fill(store)
    assert seconds(lambda: insert(store, 2), StorageFull) < 2
    assert "no room" in store.check()
    assert kept(store) == [1]
    assert seconds(lambda: insert(store, 3), StorageFull) < 2
    disk.free(store)
    insert(store, 4).get(timeout=WAIT)
    assert store.check() == ""
    assert kept(store) == [1, 4]
    assert sound(store)
    store.close()


def test_a_disk_that_is_full_from_the_start_is_called_full(disk: Disk | Pages, system: System) -> None:
    """Before the first write the database is not even open; opening it needs room too."""
    store = Store.open(system, disk.folder / "data")
    disk.fill(store)
    assert seconds(lambda: insert(store, 1), StorageFull) < 2
    disk.free(store)
    insert(store, 2).get(timeout=WAIT)
    assert kept(store) == [2]
    assert store.check() == ""
    store.close()


def test_a_full_disk_never_answers_yes(disk: Disk | Pages, system: System) -> None:
    """Many small writes at once, some with room and some without: each answer tells the truth."""
    store = Store.open(system, disk.folder / "data")
    insert(store, 0).get(timeout=WAIT)
    disk.fill(store)
    said_yes = [0]
    for first in range(1, 400, 40):
        replies = {seq: insert(store, seq, b"x" * 2_000) for seq in range(first, first + 40)}
        for seq, reply in replies.items():
            try:
                reply.get(timeout=WAIT)
            except StorageFull:
                continue
            said_yes.append(seq)
    assert kept(store) == said_yes
    assert len(said_yes) < 400
    disk.free(store)
    store.close()


def test_health_recovers_by_itself_when_there_is_room_again(disk: Disk | Pages, system: System) -> None:
    store = Store.open(system, disk.folder / "data")
    disk.fill(store)
    seconds(lambda: insert(store, 1), StorageFull)
    assert store.check()
    disk.free(store)
    system.tell("store", Tidy())
    store.write(lambda: None).get(timeout=WAIT)
    assert store.check() == ""
    store.close()


def test_a_write_that_the_system_refuses_is_unavailable_until_it_no_longer_is(
    tmp_path: Path, system: System
) -> None:
    store = Store.open(system, tmp_path / "data")
    insert(store, 1).get(timeout=WAIT)
    log = tmp_path / "data" / f"{FILE_NAME}-wal"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 8_192, limits[1]))
    try:
        assert seconds(lambda: insert(store, 2), Unavailable) < 2
        assert "the disk did not take it" in store.check()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    insert(store, 3).get(timeout=WAIT)
    assert store.check() == ""
    assert kept(store) == [1, 3]
    assert sound(store)
    store.close()


class Holder:
    """Another process that holds the database's write lock."""

    CODE = (
        "import sqlite3, sys; raw = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "raw.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.readline()"
    )

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-c", self.CODE, str(path)]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == b"held\n"

    def let_go(self) -> None:
        self._child.communicate(b"\n", timeout=WAIT)


def test_a_locked_database_is_waited_for(tmp_path: Path, system: System) -> None:
    store = Store.open(system, tmp_path / "data")
    holder = Holder(tmp_path / "data" / FILE_NAME)
    reply = insert(store, 1)
    assert kept(store) == []
    assert not reply.done()
    holder.let_go()
    reply.get(timeout=WAIT)
    store.close()


def test_a_database_that_stays_locked_is_unavailable_within_six_seconds(
    tmp_path: Path, system: System
) -> None:
    store = Store.open(system, tmp_path / "data")
    holder = Holder(tmp_path / "data" / FILE_NAME)
    assert 4 < seconds(lambda: insert(store, 1), Unavailable) < 6
    assert "another program holds the database" in store.check()
    assert seconds(lambda: insert(store, 2), Unavailable) < 2
    holder.let_go()
    insert(store, 3).get(timeout=WAIT)
    assert store.check() == ""
    assert kept(store) == [3]
    store.close()


def test_a_work_cancelled_while_the_database_is_locked_is_not_written(tmp_path: Path, system: System) -> None:
    store = Store.open(system, tmp_path / "data")
    holder = Holder(tmp_path / "data" / FILE_NAME)
    unwanted, wanted = insert(store, 1), insert(store, 2)
    assert kept(store) == []
    unwanted.cancel()
    holder.let_go()
    wanted.get(timeout=WAIT)
    assert kept(store) == [2]
    store.close()


OPEN = """
import sys
from pathlib import Path
from clawft.errors import UsageError
from clawft.runtime import System
from clawft.store import Store
try:
    Store.open(System("second"), Path(sys.argv[1]))
except UsageError as error:
    sys.exit(f"refused: {error}")
"""


def test_a_second_process_is_refused_naming_the_first(tmp_path: Path, system: System) -> None:
    store = Store.open(system, tmp_path / "data")
    second = [sys.executable, "-c", OPEN, str(tmp_path / "data")]
    refused = subprocess.run(second, capture_output=True, text=True, timeout=WAIT, check=False)
    assert (
        f"refused: the data folder {tmp_path / 'data'} is in use by process {os.getpid()}" in refused.stderr
    )
    store.close()
    let_in = subprocess.run(second, capture_output=True, text=True, timeout=WAIT, check=False)
    assert (let_in.returncode, let_in.stderr) == (0, "")


KILLED_MIGRATION = """
import os, signal, sys
from pathlib import Path
from clawft.store.migrations import MIGRATIONS, migrate
def add_colour(raw):
    raw.execute("ALTER TABLE agents ADD COLUMN colour TEXT")
    raw.execute("CREATE TABLE colours (name TEXT)")
    os.kill(os.getpid(), signal.SIGKILL)
migrate(Path(sys.argv[1]), [*MIGRATIONS, add_colour])
"""


def test_a_migration_killed_in_the_middle_has_not_happened(tmp_path: Path, system: System) -> None:
    Store.open(system, tmp_path / "data").close()
    path = tmp_path / "data" / FILE_NAME
    killed = subprocess.run([sys.executable, "-c", KILLED_MIGRATION, str(path)], timeout=WAIT, check=False)
    assert killed.returncode == -9
    assert len(list((tmp_path / "data" / "backups").glob("*.db"))) == 1
    again = System("again")
    store = Store.open(again, tmp_path / "data")
    tables = store.read(lambda: connection().execute("SELECT name FROM sqlite_schema").fetchall())
    assert ("colours",) not in tables.get(timeout=WAIT)
    assert sound(store)
    store.close()
    again.stop(10)


def test_a_newer_database_is_refused_and_the_folder_let_go(tmp_path: Path, system: System) -> None:
    Store.open(system, tmp_path / "data").close()
    raw = sqlite3.connect(tmp_path / "data" / FILE_NAME)
    raw.execute("PRAGMA user_version = 1000")
    raw.close()
    again = System("again")
    with pytest.raises(UsageError, match="newer clawft"):
        Store.open(again, tmp_path / "data")
    with pytest.raises(UsageError, match="newer clawft"):
        Store.open(again, tmp_path / "data")
    again.stop(10)
