"""How a database comes to be today's, and what is refused on the way."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clawft.errors import UsageError
from clawft.store.database import FILE_NAME
from clawft.store.migrations import MIGRATIONS, migrate
from clawft.store.tables import Table


def add_colour(raw: sqlite3.Connection) -> None:
    """2: agents have a colour."""
    raw.execute("ALTER TABLE agents ADD COLUMN colour TEXT")


def add_colour_badly(raw: sqlite3.Connection) -> None:
    """2: goes wrong after it has changed something."""
    add_colour(raw)
    raw.execute("ALTER TABLE no_such_table ADD COLUMN colour TEXT")


def orphan_a_message(raw: sqlite3.Connection) -> None:
    """2: leaves a message without its session."""
    raw.execute(
        "INSERT INTO messages (session_key, seq, role, content, timestamp) VALUES ('gone', 1, 'user', '', '')"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("PRAGMA user_version").fetchone()[0])


def columns(path: Path, table: str) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as raw:
        return {
            name: (not_null, key)
            for _, name, _, not_null, _, key in raw.execute(f"PRAGMA table_info({table})")
        }


def backups(path: Path) -> list[Path]:
    return sorted((path.parent / "backups").glob("*.db"))


@pytest.mark.parametrize("table", Table.__subclasses__(), ids=lambda table: table.__name__)
def test_the_tables_are_what_the_migrations_made(path: Path, table: Any) -> None:
    migrate(path)
    made = columns(path, table._meta.table_name)
    seen = {field.column_name: not field.null for field in table._meta.sorted_fields}
    assert {name: bool(not_null or key) for name, (not_null, key) in made.items()} == seen


def test_every_table_made_is_a_table_known(path: Path) -> None:
    migrate(path)
    with closing(sqlite3.connect(path)) as raw:
        made = {name for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    known = {vars(table)["_meta"].table_name for table in Table.__subclasses__()}
    assert {name for name in made if not name.startswith(("sqlite_", "memory_"))} == known


def test_migrating_twice_changes_nothing(path: Path) -> None:
    migrate(path)
    before = path.read_bytes()
    migrate(path)
    assert path.read_bytes() == before
    assert backups(path) == []


def test_a_backup_is_made_before_a_migration_runs(path: Path) -> None:
    migrate(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("INSERT INTO settings VALUES ('kept', '1')")
        raw.commit()
    migrate(path, [*MIGRATIONS, add_colour])
    assert "colour" in columns(path, "agents")
    [backup] = backups(path)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700
    assert version(backup) == len(MIGRATIONS)
    assert "colour" not in columns(backup, "agents")
    with closing(sqlite3.connect(backup)) as raw:
        assert raw.execute("SELECT key FROM settings").fetchall() == [("kept",)]


def test_a_failed_migration_leaves_everything_as_it_was(path: Path) -> None:
    migrate(path)
    with pytest.raises(UsageError, match="no_such_table"):
        migrate(path, [*MIGRATIONS, add_colour_badly])
    assert version(path) == len(MIGRATIONS)
    assert "colour" not in columns(path, "agents")
    migrate(path, [*MIGRATIONS, add_colour])
    assert version(path) == len(MIGRATIONS) + 1


def test_a_migration_that_breaks_a_reference_is_refused(path: Path) -> None:
    migrate(path)
    with pytest.raises(UsageError, match="messages"):
        migrate(path, [*MIGRATIONS, orphan_a_message])
    assert version(path) == len(MIGRATIONS)


def test_a_newer_database_is_refused_and_not_touched(path: Path) -> None:
    migrate(path, [*MIGRATIONS, add_colour])
    before = path.read_bytes()
    newest = len(MIGRATIONS)
    with pytest.raises(UsageError, match=f"newer clawft.*version is {newest + 1}, this one knows {newest}"):
        migrate(path)
    assert path.read_bytes() == before
    assert backups(path) == []


def test_a_newer_database_whose_version_is_still_in_the_log_is_refused(path: Path) -> None:
    migrate(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_autocheckpoint = 0")
        raw.execute("PRAGMA user_version = 99")
        raw.commit()
        with pytest.raises(UsageError, match="newer clawft"):
            migrate(path)


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, b"{}"])
def test_a_file_that_is_no_database_is_refused_and_not_touched(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a database of clawft"):
        migrate(path)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused_and_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="not a database of clawft"):
        migrate(path)
    assert path.read_bytes() == before
