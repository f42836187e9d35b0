"""The database: one file, and a connection for each of the store's threads."""

import sqlite3
import threading
from pathlib import Path
from typing import Any, cast

import peewee as pw

FILE_NAME = "clawft.db"

database = pw.SqliteDatabase("clawft", autoconnect=False)
"""What the tables are bound to. Peewee keeps a connection per thread, so several stores may live in one
process; a thread that is no store's has no connection, and Peewee says so instead of opening one."""

untyped: Any = database
"""The same, for the methods that the stubs leave untyped."""

COMMON: dict[str, Any] = {
    "foreign_keys": 1,
    "temp_store": "memory",
    # An I/O error under a memory map is a SIGBUS that ends the process; read() makes it an error to tell.
    "mmap_size": 0,
}
WRITER: dict[str, Any] = COMMON | {
    "journal_mode": "wal",
    "synchronous": "full",
    "cache_size": -16_384,
    # 32 MB of log. Mostly the writer checkpoints when it is idle; under full load the commit that has to do
    # it takes 40 to 90 ms, and at half this size more than one answer in a hundred waited for that.
    "wal_autocheckpoint": 8_000,
    "journal_size_limit": 64 * 1024 * 1024,
}
# Each commit of the writer empties the readers' caches: a large one is filled by a scan and used by nobody.
READER: dict[str, Any] = COMMON | {"query_only": 1, "cache_size": -2_048}

_opening = threading.Lock()


def open_writer(path: Path) -> sqlite3.Connection:
    """Give the calling thread a connection that may write. Waits for no one: ``writer`` decides how long."""
    return _open(path, WRITER, timeout=0)


def open_reader(path: Path, *, patience: int = 5) -> sqlite3.Connection:
    """Give the calling thread a connection that may only read."""
    return _open(path, READER, timeout=patience)


def _open(path: Path, pragmas: dict[str, Any], timeout: int) -> sqlite3.Connection:
    with _opening:
        database.init(str(path), pragmas=pragmas, timeout=timeout)
        database.connect()
    return connection()


def close_connection() -> None:
    """Close the calling thread's connection, if it has one; what it had not committed is rolled back."""
    if database.is_closed():
        return
    raw = connection()
    if raw.in_transaction:
        raw.rollback()
    while untyped.in_transaction():
        untyped.pop_transaction()
    database.close()


def connection() -> sqlite3.Connection:
    """The calling thread's connection, for statements that are worth writing by hand."""
    return cast(sqlite3.Connection, untyped.connection())


def user_version(raw: sqlite3.Connection) -> int:
    """How many migrations the file has seen."""
    return int(raw.execute("PRAGMA user_version").fetchone()[0])
