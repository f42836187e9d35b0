"""Migrations: how an older database becomes today's. Append only; a released one never changes."""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from clawft.errors import UsageError
from clawft.store.approval_tables import APPROVAL_TABLES
from clawft.store.audit_tables import AUDIT_TABLES
from clawft.store.backup import back_up
from clawft.store.cron_tables import CRON_TABLES
from clawft.store.database import user_version
from clawft.store.delegation_tables import DELEGATION_TABLES
from clawft.store.failures import storage_failure
from clawft.store.first_tables import FIRST_TABLES
from clawft.store.folder import make_private, sync_folder
from clawft.store.model_tables import MODEL_TABLES
from clawft.store.turn_tables import TURN_TABLES

log = logging.getLogger(__name__)

Migration = Callable[[sqlite3.Connection], None]
"""Runs inside a transaction that also counts it. Not for ``executescript``, which commits behind its back."""


def first_tables(raw: sqlite3.Connection) -> None:
    """1: the tables of the first release."""
    for statement in FIRST_TABLES:
        raw.execute(statement)


def turn_steps(raw: sqlite3.Connection) -> None:
    """2: turns keep their steps, modes, attempts and keys; sessions keep a summary."""
    for statement in TURN_TABLES:
        raw.execute(statement)


def cron_policies_and_outbox(raw: sqlite3.Connection) -> None:
    """3: cron jobs have a policy and count their failures, runs their attempts and costs; the outbox."""
    for statement in CRON_TABLES:
        raw.execute(statement)


def unpriced_usage(raw: sqlite3.Connection) -> None:
    """4: usage says whether anybody knows what it cost."""
    for statement in MODEL_TABLES:
        raw.execute(statement)


def approvals(raw: sqlite3.Connection) -> None:
    """5: calls that wait for a person, and sessions that have read words of somebody outside."""
    for statement in APPROVAL_TABLES:
        raw.execute(statement)


def delegations_in_the_background(raw: sqlite3.Connection) -> None:
    """6: delegations know whether the parent was told of their end."""
    for statement in DELEGATION_TABLES:
        raw.execute(statement)


def audit_log(raw: sqlite3.Connection) -> None:
    """7: who did what."""
    for statement in AUDIT_TABLES:
        raw.execute(statement)


MIGRATIONS: tuple[Migration, ...] = (
    first_tables,
    turn_steps,
    cron_policies_and_outbox,
    unpriced_usage,
    approvals,
    delegations_in_the_background,
    audit_log,
)


def migrate(path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the database at ``path`` today's, from nothing if it is not there.

    One made by a newer clawft is refused and not touched. An older one is copied to ``backups`` first.
    """
    try:
        if _version_on_disk(path, len(migrations)) < len(migrations):
            _bring_up(path, migrations)
    except sqlite3.Error as error:
        raise storage_failure(error) or UsageError(f"cannot bring {path} up to date: {error}") from error


def _version_on_disk(path: Path, newest: int) -> int:
    """Read without a right to write, so that a database we refuse stays as it was."""
    if not path.exists() or path.stat().st_size == 0:
        return 0
    with closing(_connect(path, "ro")) as raw:
        try:
            version = user_version(raw)
            strange = version == 0 and raw.execute("SELECT 1 FROM sqlite_schema").fetchone() is not None
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
                raise
            strange = True
    if strange:
        raise UsageError(f"{path} is not a database of clawft")
    if version > newest:
        raise UsageError(
            f"{path} was made by a newer clawft (its version is {version}, this one knows {newest}):"
            " use that one, or restore the backup it made"
        )
    return version


def _bring_up(path: Path, migrations: Sequence[Migration]) -> None:
    make_private(path)
    sync_folder(path.parent)
    with closing(_connect(path, "rw")) as raw:
        if user_version(raw) == 0:
            raw.execute("PRAGMA auto_vacuum = incremental")  # only a file without tables can be told
        raw.execute("PRAGMA journal_mode = wal")
        raw.execute("PRAGMA synchronous = full")
        version = user_version(raw)
        if version > 0:
            log.info("backed up as %s", back_up(raw, path.parent, f"v{version}"))
        for number, migration in enumerate(migrations[version:], start=version + 1):
            _run(raw, number, migration)
            log.info("migration %d is done: %s", number, migration.__doc__)


def _run(raw: sqlite3.Connection, number: int, migration: Migration) -> None:
    """All of it and its number, or nothing: the process may be killed at any point."""
    raw.execute("BEGIN IMMEDIATE")
    try:
        migration(raw)
        broken = raw.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise UsageError(f"migration {number} leaves a row of {broken[0]} without its {broken[2]}")
        raw.execute(f"PRAGMA user_version = {number}")
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=5.0, isolation_level=None
    )
