"""Delegations at rest, and the rules that choose whom."""

from datetime import datetime
from typing import Any, NamedTuple, cast

import msgspec
from peewee import fn

from clawft.domain.delegation import (
    ActiveDelegation,
    DelegationHistory,
    DelegationHistoryEntry,
    DelegationRule,
    DelegationStatus,
    milliseconds,
)
from clawft.errors import NotFound
from clawft.runtime import Reply
from clawft.store.columns import given
from clawft.store.store import Store
from clawft.store.tables import DelegationRow, DelegationRuleRow

OPEN = ("pending", "running")


class Untold(NamedTuple):
    """An end that the parent does not know of."""

    task_id: str
    session_key: str
    target: str
    status: DelegationStatus
    content: str


class DelegationStore:
    """Each method is one transaction; what it answers is on the disk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def rules(self) -> Reply[tuple[DelegationRule, ...]]:
        """Every rule, by ascending priority and then name."""
        return self._store.read(_rules)

    def put_rule(self, rule: DelegationRule) -> Reply[DelegationRule]:
        """Keep the rule in place of one with its name."""
        return self._store.write(lambda: _put_rule(rule))

    def delete_rule(self, name: str) -> Reply[None]:
        return self._store.write(lambda: _delete_rule(name))

    def begin(self, delegation: ActiveDelegation, child_key: str, *, background: bool = False) -> Reply[None]:
        """Keep a new delegation, before anything is done about it.

        ``background``: its parent is to be told of its end.
        """
        return self._store.write(lambda: _begin(delegation, child_key, background))

    def running(self, task_id: str) -> Reply[None]:
        return self._store.write(lambda: _change(task_id, status="running"))

    def end(
        self, delegation: ActiveDelegation, at: datetime, error: str = "", answer: str = ""
    ) -> Reply[None]:
        """Keep how it ended, as its status says; ``answer`` is for the parent that is to be told."""
        return self._store.write(
            lambda: _change(
                delegation.task_id,
                status=delegation.status,
                completed_at=at,
                latency_ms=delegation.latency_ms,
                error=error or None,
                answer=answer or None,
            )
        )

    def untold(self) -> Reply[tuple[Untold, ...]]:
        """Those that have ended and whose parents do not know, oldest first."""
        return self._store.read(_untold)

    def told(self, task_id: str) -> Reply[None]:
        """The parent knows, or there is nobody to be told."""
        return self._store.write(lambda: _change(task_id, told=True, answer=None))

    def fail_open(self, at: datetime, why: str) -> Reply[tuple[ActiveDelegation, ...]]:
        """End what a host left under way when it died; the answer is these, as failed."""
        return self._store.write(lambda: _fail_open(at, why))

    def history(self, session: str, target: str, offset: int, limit: int) -> Reply[DelegationHistory]:
        """A page, newest first, of those whose session and target hold these texts."""
        return self._store.read(lambda: _history(session, target, offset, limit))


def _rules() -> tuple[DelegationRule, ...]:
    rows = DelegationRuleRow.select().order_by(DelegationRuleRow.priority, DelegationRuleRow.name)
    return tuple(
        DelegationRule(row.name, row.pattern, row.target, row.complexity_threshold, row.enabled, row.priority)
        for row in rows
    )


def _put_rule(rule: DelegationRule) -> DelegationRule:
    DelegationRuleRow.insert(**msgspec.to_builtins(rule)).on_conflict_replace().execute()
    return rule


def _delete_rule(name: str) -> None:
    if not DelegationRuleRow.delete().where(DelegationRuleRow.name == name).execute():
        raise NotFound(f"no delegation rule is called {name!r}")


def _untold() -> tuple[Untold, ...]:
    rows = DelegationRow.select().where(~DelegationRow.told & DelegationRow.status.not_in(OPEN))
    return tuple(
        Untold(row.task_id, row.session_key, row.target, row.status, row.answer or row.error or "")
        for row in rows.order_by(DelegationRow.started_at)
    )


def _begin(delegation: ActiveDelegation, child_key: str, background: bool) -> None:
    DelegationRow.create(
        told=not background,
        task_id=delegation.task_id,
        session_key=delegation.session_key,
        child_key=child_key,
        target=delegation.target,
        tool_name=delegation.tool_name,
        status=delegation.status,
        started_at=delegation.started_at,
        complexity=delegation.complexity,
    )


def _change(task_id: str, **columns: Any) -> None:
    DelegationRow.update(**columns).where(DelegationRow.task_id == task_id).execute()


def _fail_open(at: datetime, why: str) -> tuple[ActiveDelegation, ...]:
    rows = tuple(DelegationRow.select().where(DelegationRow.status.in_(OPEN)))
    failed = tuple(_failed(row, at) for row in rows)
    for delegation in failed:
        _change(
            delegation.task_id,
            status="failed",
            completed_at=at,
            latency_ms=delegation.latency_ms,
            error=why,
            told=False,
        )
    return failed


def _failed(row: DelegationRow, at: datetime) -> ActiveDelegation:
    return ActiveDelegation(
        task_id=row.task_id,
        session_key=row.session_key,
        target=row.target,
        status="failed",
        started_at=row.started_at,
        latency_ms=milliseconds(row.started_at, at),
        tool_name=row.tool_name,
        complexity=row.complexity,
    )


def _history(session: str, target: str, offset: int, limit: int) -> DelegationHistory:
    # INSTR rather than LIKE: a "%" or "_" that somebody looks for is only that.
    chosen = DelegationRow.select().where(
        (fn.INSTR(DelegationRow.session_key, session) > 0) & (fn.INSTR(DelegationRow.target, target) > 0)
    )
    newest = chosen.order_by(DelegationRow.started_at.desc(), DelegationRow.task_id)
    items = tuple(_entry(row) for row in newest.offset(offset).limit(limit))
    return DelegationHistory(items, chosen.count(), limit, offset)


def _entry(row: DelegationRow) -> DelegationHistoryEntry:
    return DelegationHistoryEntry(
        task_id=row.task_id,
        session_key=row.session_key,
        target=row.target,
        tool_name=row.tool_name,
        status=cast("DelegationStatus", row.status),
        started_at=row.started_at,
        complexity=row.complexity,
        completed_at=given(row.completed_at),
        latency_ms=given(row.latency_ms),
    )
