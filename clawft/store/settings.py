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
        return self._store.read(lambda: _get(key, kind))

    def put(self, key: str, value: object) -> Reply[None]:
        kept = msgspec.to_builtins(value)
        return self._store.write(lambda: _put(key, kept))


def _get(key: str, kind: type[T]) -> T | None:
    row = SettingRow.get_or_none(SettingRow.key == key)
    return None if row is None else msgspec.convert(row.value, kind)


def _put(key: str, value: object) -> None:
    SettingRow.insert(key=key, value=value).on_conflict_replace().execute()
