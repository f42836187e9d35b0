"""Settings: one value a key, for what is too small to have a table of its own."""

from typing import TypeVar

import msgspec

from clawft.runtime import Reply
from clawft.store.store import Store
from clawft.store.tables import SettingRow

T = TypeVar("T")


class SettingsStore:
    """Values by key. A value comes back as the type that is asked for, checked."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str, kind: type[T]) -> Reply[T | None]:
        """The value, or None where there is none. ``msgspec.ValidationError`` where it is no ``kind``."""
        return self._store.read(lambda: get_setting(key, kind))

    def put(self, key: str, value: object) -> Reply[None]:
        kept = msgspec.to_builtins(value)
        return self._store.write(lambda: put_setting(key, kept))


def get_setting(key: str, kind: type[T]) -> T | None:
    """Inside a transaction: the same."""
    row = SettingRow.get_or_none(SettingRow.key == key)
    return None if row is None else msgspec.convert(row.value, kind)


def put_setting(key: str, value: object) -> None:
    """Inside a write: the same, with a value of built-in types."""
    SettingRow.insert(key=key, value=value).on_conflict_replace().execute()
