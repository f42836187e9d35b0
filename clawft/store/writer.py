"""The one who writes: all that waits goes into one transaction, and is answered after its commit."""

import copy
import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import peewee as pw

from clawft.runtime import Actor, Envelope, Tell, on
from clawft.store.condition import Condition
from clawft.store.database import close_connection, open_writer, user_version
from clawft.store.failures import is_broken, is_locked, storage_failure
from clawft.store.transaction import Insert, Outcome, Write, open_transaction, run_group

log = logging.getLogger(__name__)


class Tidy(Tell, frozen=True):
    """Look after the file."""


class Writer(Actor):
    """Owns the only connection that writes. A work fails alone; a failed commit is nobody's success."""

    dispatcher = "pinned"
    mailbox_limit = 4_096
    batch_max = 4_096
    """As many as can wait: behind a foreign lock one waits for one attempt, not for one after another."""

    patience = 4.5
    """Seconds to try for the lock that another program holds."""
    impatience = 0.5
    """The same, when the last attempt was in vain."""
    tidy_every = 5.0

    def __init__(self, path: Path, condition: Condition) -> None:
        super().__init__()
        self._path = path
        self._condition = condition
        self._raw: sqlite3.Connection | None = None
        self._locked = False
        self._logged = False
        """Whether the log holds what the file does not."""
        self._quiet = True

    def on_start(self) -> None:
        # It may be a restart, on the thread of a predecessor. The first group opens the connection, so that a
        # database that cannot be opened now is that group's trouble, and not a store that does not start.
        self._disconnect()
        self._condition.closed.clear()
        self._condition.measure(self._path)
        self.every(self.tidy_every, Tidy())

    def on_stop(self) -> None:
        if self._raw is not None:
            self._checkpoint(self._raw, "TRUNCATE")
        self._disconnect()
        self._condition.closed.set()

    def batchable(self, message: object) -> bool:
        return isinstance(message, Write | Insert)

    def on_batch(self, envelopes: Sequence[Envelope]) -> None:
        """One transaction for all that wait, and then their answers."""
        try:
            outcomes = self._commit(envelopes)
        except Exception as error:
            failure = self._failed(error)
            # A copy each: raising an error adds to its traceback.
            outcomes = [(envelope, Outcome(error=copy.copy(failure))) for envelope in envelopes]
        for envelope, outcome in outcomes:
            if envelope.reply_to is not None:
                envelope.reply_to.settle(outcome.value, outcome.error)
            elif outcome.error is not None:
                log.error(
                    "nobody waits to hear that %r was not kept", envelope.message, exc_info=outcome.error
                )

    def _commit(self, envelopes: Sequence[Envelope]) -> list[tuple[Envelope, Outcome]]:
        raw = self._begin()
        with open_transaction(raw):
            # Whoever gave up while we waited for the lock is not written at all.
            wanted = [each for each in envelopes if each.reply_to is None or not each.reply_to.done()]
            outcomes = run_group(raw, [envelope.message for envelope in wanted])
        self._logged, self._quiet = True, False
        self._explain(outcomes)
        return list(zip(wanted, outcomes, strict=True))

    def _begin(self) -> sqlite3.Connection:
        """The connection, in a transaction. Waits for a foreign lock, but not for ever."""
        until = time.monotonic() + (self.impatience if self._locked else self.patience)
        while True:
            try:
                raw = self._connected()
                raw.execute("BEGIN IMMEDIATE")
            except (sqlite3.Error, pw.PeeweeException) as error:
                self._locked = is_locked(error)
                if not self._locked or time.monotonic() >= until:
                    raise
            else:
                self._locked = False
                return raw
            time.sleep(0.02)

    def _connected(self) -> sqlite3.Connection:
        if self._raw is None:
            self._raw = open_writer(self._path)
        return self._raw

    def _disconnect(self) -> None:
        self._raw = None
        close_connection()

    def _failed(self, error: Exception) -> Exception:
        """What to tell everyone in a group of which nothing was kept."""
        failure = storage_failure(error)
        if failure is None or is_broken(error):
            self._disconnect()
        if not self._condition.trouble:
            log.error("nothing can be kept: %s", error, exc_info=error)
        self._condition.trouble = str(failure) if failure else repr(error)
        return failure or error

    def _explain(self, outcomes: list[Outcome]) -> None:
        """Put what storage did to single works into words, and remember whether there was any."""
        trouble = ""
        for outcome in outcomes:
            failure = outcome.error and storage_failure(outcome.error)
            if failure:
                outcome.error, trouble = failure, str(failure)
        self._condition.trouble = trouble

    @on(Tidy)
    def tidy(self, _: Tidy) -> None:
        """Try again after trouble; after a while without writes, bring the log into the file."""
        if self._condition.trouble:
            self._probe()
        elif self._logged and self._quiet and self._raw is not None:
            self._checkpoint(self._raw, "PASSIVE")
            self._logged = False
        self._quiet = True
        self._condition.measure(self._path)

    def _probe(self) -> None:
        """Write one page that changes nothing, so that health is told when the trouble is over."""
        try:
            # Once it is in the file, the log begins anew: on a full disk that may be all the room there is.
            self._checkpoint(self._connected(), "PASSIVE")
            raw = self._begin()
            with open_transaction(raw):
                raw.execute(f"PRAGMA user_version = {user_version(raw)}")
        except Exception as error:
            self._failed(error)
        else:
            log.info("writing works again")
            self._condition.trouble = ""

    def _checkpoint(self, raw: sqlite3.Connection, mode: str) -> None:
        """Not doing it loses nothing: the log is read along with the file."""
        with suppress(sqlite3.Error):
            raw.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
