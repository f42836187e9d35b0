"""What the database's errors mean for the person whose words it should have kept."""

import errno
import sqlite3
from collections.abc import Iterator

import peewee as pw

from clawft.errors import ClawftError, StorageFull, Unavailable

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
NO_ROOM_TO_OPEN = sqlite3.SQLITE_IOERR_SHMSIZE
"""What a full disk is called when the log's index cannot be made: an I/O error, not SQLITE_FULL."""
LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
BROKEN = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
    }
)


def storage_failure(error: BaseException) -> ClawftError | None:
    """Why storage failed, or None when the error has nothing to do with storage."""
    if isinstance(error, ClawftError):
        return None
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in NO_ROOM:
            return _full()
        code = _code(cause)
        if code == sqlite3.SQLITE_FULL or _extended(cause) == NO_ROOM_TO_OPEN:
            return _full()
        if code in LOCKED:
            return Unavailable("another program holds the database")
        if code in BROKEN:
            return Unavailable("the disk did not take it, or the database on it is damaged", retry_after=5.0)
    return None


def is_locked(error: BaseException) -> bool:
    return any(_code(cause) in LOCKED for cause in _causes(error))


def is_broken(error: BaseException) -> bool:
    """After this the connection is not to be trusted: open another."""
    return any(_code(cause) in BROKEN for cause in _causes(error))


def is_refused_write(error: BaseException) -> bool:
    """A connection that may only read was told to write; a disk that cannot be written has other codes."""
    return any(_extended(cause) == sqlite3.SQLITE_READONLY for cause in _causes(error))


def _full() -> StorageFull:
    return StorageFull("there is no room left on the disk, so it was not kept")


def _extended(error: BaseException) -> int | None:
    """SQLite's result code, as precisely as it says it; None for what is no error of SQLite's."""
    return getattr(error, "sqlite_errorcode", None)


def _code(error: BaseException) -> int | None:
    """The primary result code, which extended ones keep in the low byte."""
    code = _extended(error)
    return None if code is None else code & 0xFF


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, nearest first.

    Peewee puts SQLite's error inside its own, and rolling back what SQLite has already rolled back hides a
    full disk behind "cannot rollback - no transaction is active".
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, pw.PeeweeException) and cause.args and isinstance(cause.args[0], Exception):
            waiting.append(cause.args[0])
        waiting += [cause.__cause__, cause.__context__]
