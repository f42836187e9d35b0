"""Output: tables for people, JSON for scripts, from the same values."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec


class Show:
    """Prints what a command found. ``as_json``: exactly the API's JSON instead."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def json(self, value: Any) -> None:
        click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))

    def done(self, value: Any, sentence: str) -> None:
        """The outcome of an order."""
        if self.as_json:
            self.json(value)
        else:
            click.echo(sentence)

    def rows(self, values: Sequence[Any], *columns: str, empty: str) -> None:
        """A table, a column an attribute; ``empty`` is said when there is nothing to show."""
        if self.as_json:
            self.json(values)
        elif not values:
            click.echo(empty)
        else:
            print_table(columns, [[cell(getattr(value, column)) for column in columns] for value in values])

    def card(self, value: msgspec.Struct) -> None:
        """One value, a line a member."""
        if self.as_json:
            self.json(value)
            return
        members = [(name, getattr(value, name)) for name in value.__struct_fields__]
        present = [(name, cell(member)) for name, member in members if member is not msgspec.UNSET]
        width = max(len(name) for name, _ in present)
        for name, text in present:
            click.echo(f"{click.style(name.ljust(width), bold=True)}  {text}")


def print_table(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # Text, since [brackets] in the data are not markup
    # Into a pipe a table is as wide as its content: cut lines are of no use to grep.
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 500, highlight=False).print(table)


def cell(value: Any) -> str:
    """A member as a person reads it, on one line and without control characters."""
    if value is msgspec.UNSET or value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, tuple | list) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    if not isinstance(value, str | int):
        value = msgspec.json.encode(value).decode()
    return printable(str(value)).replace("\n", " ")


def printable(text: str) -> str:
    """``text`` without what could move the cursor, but with its lines."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)
