"""Copies of the database, made while it lies still or is in use."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from clawft.store.folder import PRIVATE_FOLDER, private_file, sync_folder

BACKUPS = "backups"


def back_up(raw: sqlite3.Connection, folder: Path, label: str) -> Path:
    """A whole copy in ``<folder>/backups``, on the disk and under its name only when it is complete."""
    backups = folder / BACKUPS
    backups.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    copy = backups / f"clawft-{label}-{stamp}.db"
    unfinished = copy.with_suffix(".unfinished")
    try:
        _copy(raw, unfinished)
        unfinished.rename(copy)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(backups)
    return copy


def _copy(raw: sqlite3.Connection, target: Path) -> None:
    descriptor = private_file(target)
    try:
        with closing(sqlite3.connect(target)) as copy:
            raw.backup(copy)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
