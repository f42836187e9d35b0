"""Agents at rest: since when, whether it is to run, and its definition where code gave it."""

from typing import cast

import msgspec

from clawft.domain.agents import AgentRecord, AgentSpec, Source, Wanted
from clawft.runtime import Reply
from clawft.store.store import Store
from clawft.store.tables import AgentRow


class AgentStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> Reply[tuple[AgentRecord, ...]]:
        return self._store.read(
            lambda: tuple(_record(row) for row in AgentRow.select().order_by(AgentRow.id))
        )

    def keep(self, record: AgentRecord) -> Reply[None]:
        """Keep it in place of what was kept under its id."""
        return self._store.write(lambda: _keep(record))

    def want(self, id: str, wanted: Wanted) -> Reply[None]:
        return self._store.write(lambda: _want(id, wanted))

    def forget(self, id: str) -> Reply[None]:
        return self._store.write(lambda: _forget(id))


def _keep(record: AgentRecord) -> None:
    AgentRow.insert(
        id=record.id,
        spec=None if record.spec is None else msgspec.to_builtins(record.spec),
        source=record.source,
        wanted=record.wanted,
        created_at=record.created_at,
    ).on_conflict_replace().execute()


def _want(id: str, wanted: Wanted) -> None:
    AgentRow.update(wanted=wanted).where(AgentRow.id == id).execute()


def _forget(id: str) -> None:
    AgentRow.delete().where(AgentRow.id == id).execute()


def _record(row: AgentRow) -> AgentRecord:
    return AgentRecord(
        id=row.id,
        source=cast(Source, row.source),
        wanted=cast(Wanted, row.wanted),
        created_at=row.created_at,
        spec=None if row.spec is None else msgspec.convert(row.spec, AgentSpec),
    )
