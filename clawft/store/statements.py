"""SQL compiled once. Peewee takes 100 us to build what SQLite runs in 3, so the hot paths use these."""

from functools import cache
from typing import Any

from clawft.store.tables import Table


@cache
def insert_statement(table: type[Table], columns: tuple[str, ...] = ()) -> str:
    """The SQL that inserts these columns, or all but an automatic ``id``."""
    meta: Any = vars(table)["_meta"]  # Peewee's own description of the table, which the stubs leave out
    names = columns or tuple(field.column_name for field in meta.sorted_fields if not field.auto_increment)
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {meta.table_name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
