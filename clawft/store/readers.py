"""The readers: a few threads, each with a connection that cannot write."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import peewee as pw

from clawft.runtime import Actor, Ask, Ref, Reply, System, on
from clawft.store.database import close_connection, connection, database, open_reader
from clawft.store.failures import is_broken, is_refused_write, storage_failure

R = TypeVar("R")

READERS = 3


class Read(Ask[R], Generic[R], frozen=True):
    """Run ``work`` on a connection that cannot write."""

    work: Callable[[], R]


class Reader(Actor):
    """Answers one question at a time. Its connection is opened by the first."""

    dispatcher = "pinned"
    mailbox_limit = 1_000

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_stop(self) -> None:
        close_connection()

    @on(Read)
    def read(self, ask: Read[Any]) -> Any:
        try:
            return self._at_one_moment(ask.work)
        except (sqlite3.Error, pw.PeeweeException) as error:
            if is_refused_write(error):
                raise TypeError("a read cannot write: that is what Store.write is for") from error
            if is_broken(error):
                close_connection()
            raise storage_failure(error) or error from error

    def _at_one_moment(self, work: Callable[[], Any]) -> Any:
        """In a transaction, so that all its queries see what one commit left."""
        if database.is_closed():
            open_reader(self._path)
        raw = connection()
        raw.execute("BEGIN")
        try:
            return work()
        finally:
            if raw.in_transaction:
                raw.execute("ROLLBACK")


class Readers:
    """Hands each question to the reader with the fewest waiting, so that a slow one holds up no others."""

    def __init__(self, readers: tuple[Ref, ...]) -> None:
        self._readers = readers
        self._waiting = [0] * len(readers)
        self._lock = threading.Lock()

    @classmethod
    def spawn(cls, system: System, path: Path) -> Self:
        names = (f"reader-{number}" for number in range(1, READERS + 1))
        return cls(tuple(system.spawn(Reader, name, path=path) for name in names))

    def read(self, work: Callable[[], R]) -> Reply[R]:
        with self._lock:
            which = self._waiting.index(min(self._waiting))
            self._waiting[which] += 1
        try:
            reply = self._readers[which].ask(Read(work), block=False)
        except BaseException:
            self._answered(which)
            raise
        reply.add_done_callback(lambda _: self._answered(which))
        return reply

    def stop(self) -> None:
        for reader in self._readers:
            reader.stop(block=False)

    def _answered(self, which: int) -> None:
        with self._lock:
            self._waiting[which] -= 1
