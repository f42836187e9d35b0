"""How values lie in columns: moments as text that sorts, JSON as text."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import peewee as pw

from clawft.domain.values import UNSET, UnsetType

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


def moment_text(moment: datetime) -> str:
    """ISO 8601 in UTC, always 27 characters long, so that text order is time order."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} says no time zone")
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:26]}Z"


def json_text(value: object) -> str:
    return _encode(value).decode()


def given(value: T | None) -> T | UnsetType:
    """A nullable column as an optional member."""
    return UNSET if value is None else value


def column(value: T | UnsetType) -> T | None:
    """An optional member as a nullable column."""
    return None if isinstance(value, UnsetType) else value


class WordField(pw.Field):
    """One of a few words that the domain fixes as a ``Literal``."""

    field_type = "TEXT"


class MomentField(pw.Field):
    """An aware ``datetime``."""

    field_type = "TEXT"

    def db_value(self, value: datetime | str | None) -> str | None:
        return moment_text(value) if isinstance(value, datetime) else value

    def python_value(self, value: str | None) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class JsonField(pw.Field):
    """A value of ``kind``, checked when it is read. Queries see its JSON text."""

    field_type = "TEXT"

    def __init__(self, kind: Any = Any, **options: Any) -> None:
        super().__init__(**options)
        self._decode = msgspec.json.Decoder(kind).decode

    def db_value(self, value: object) -> str | None:
        return None if value is None else json_text(value)

    def python_value(self, value: str | None) -> Any:
        return None if value is None else self._decode(value)
