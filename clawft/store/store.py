"""The store as others hold it: write, insert, read."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from clawft.runtime import Reply, System
from clawft.store.condition import Condition
from clawft.store.database import FILE_NAME
from clawft.store.folder import make_private, prepare_folder
from clawft.store.lock import LOCK_NAME, FolderLock
from clawft.store.migrations import migrate
from clawft.store.readers import Readers
from clawft.store.statements import insert_statement
from clawft.store.tables import Table
from clawft.store.transaction import Insert, Write
from clawft.store.writer import Writer

log = logging.getLogger(__name__)

R = TypeVar("R")


class Store:
    """What is kept. A reply to ``write`` or ``insert`` with no error in it means: it is on the disk.

    Works run on the store's threads, where Peewee's tables have a connection; they must be quick and touch
    nothing but the database. Storage that fails answers ``StorageFull`` or ``Unavailable``.
    """

    def __init__(self, system: System, folder: Path, lock: FolderLock) -> None:
        path = folder / FILE_NAME
        self.folder = folder
        self._lock = lock
        self._condition = Condition()
        self._writer = system.spawn(Writer, "store", path=path, condition=self._condition)
        self._readers = Readers.spawn(system, path)

    @classmethod
    def open(cls, system: System, folder: Path, prepare: Callable[[Path], object] | None = None) -> Self:
        """The store in ``folder``, brought up to date, with its actors running in ``system``.

        ``prepare`` is called with the folder locked, before the database is looked at. Blocks while it
        migrates. Raises ``UsageError`` when the folder or the database in it cannot be ours now: another
        process uses it, a newer clawft made it, it belongs to someone else.
        """
        prepare_folder(folder, signs=(LOCK_NAME, FILE_NAME))
        lock = FolderLock(folder)
        try:
            if prepare is not None:
                prepare(folder)
            migrate(folder / FILE_NAME)
            make_private(folder / FILE_NAME)
            return cls(system, folder, lock)
        except BaseException:
            lock.release()
            raise

    def write(self, work: Callable[[], R]) -> Reply[R]:
        """Run ``work`` in the writer's transaction; the reply comes after the commit.

        It has a savepoint of its own: what it raises undoes only its own changes and is its own reply's.
        """
        return self._writer.ask(Write(work), block=False)

    def insert(self, table: type[Table], row: tuple[Any, ...] | Mapping[str, Any]) -> Reply[None]:
        """Insert one row the cheap way: a tenth of what Peewee takes.

        A mapping names columns; a tuple gives every column in the order of the table's fields, without an
        automatic ``id``. Values must be SQLite's own (text, numbers, bytes, None): ``columns`` makes them.
        """
        if isinstance(row, tuple):
            return self._writer.ask(Insert(insert_statement(table), row), block=False)
        sql = insert_statement(table, tuple(row))
        return self._writer.ask(Insert(sql, tuple(row.values())), block=False)

    def read(self, work: Callable[[], R]) -> Reply[R]:
        """Run ``work`` on a reader's connection: all its queries see the same moment, none can write."""
        return self._readers.read(work)

    def size(self) -> int:
        """Bytes on the disk, as of a few seconds ago. Answered from memory."""
        return self._condition.bytes

    def log_size(self) -> int:
        """The same of the write-ahead log alone."""
        return self._condition.log_bytes

    def check(self) -> str:
        """Why nothing can be kept at the moment, or an empty string. Answered from memory."""
        return self._condition.trouble

    def close(self) -> None:
        """Finish what was accepted, bring the log into the file, let the folder go.

        Safe on the loop: it waits for the store's own threads only, and no longer than 10 s.
        """
        self._readers.stop()
        self._writer.stop(block=False)
        if not self._condition.closed.wait(10.0):
            log.warning("the store in %s did not close in time; nothing acknowledged is lost", self.folder)
        self._lock.release()
