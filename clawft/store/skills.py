"""Installed skills at rest: what the folder of skills does not say of them."""

from datetime import datetime

from clawft.domain.skills import InstalledRecord
from clawft.runtime import Reply
from clawft.store.store import Store
from clawft.store.tables import SkillRow


class SkillStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> Reply[dict[str, InstalledRecord]]:
        """What is known of each skill that was installed from a registry, by name."""
        return self._store.read(lambda: {row.name: _record(row) for row in SkillRow.select()})

    def keep(self, record: InstalledRecord, at: datetime) -> Reply[None]:
        return self._store.write(lambda: _keep(record, at))

    def forget(self, name: str) -> Reply[None]:
        return self._store.write(lambda: _forget(name))


def _keep(record: InstalledRecord, at: datetime) -> None:
    SkillRow.insert(
        name=record.name,
        version=record.version,
        enabled=record.enabled,
        digest=record.digest,
        installed_at=at,
    ).on_conflict_replace().execute()


def _forget(name: str) -> None:
    SkillRow.delete().where(SkillRow.name == name).execute()


def _record(row: SkillRow) -> InstalledRecord:
    return InstalledRecord(row.name, row.version, row.digest, row.enabled)
