"""Approvals at rest, and which sessions have read words of somebody outside."""

from datetime import datetime
from typing import Any

from clawft.domain.approvals import Approval, ApprovalState, digest
from clawft.errors import Conflict, NotFound
from clawft.runtime import Reply
from clawft.store.columns import column, given, moment_text
from clawft.store.database import connection
from clawft.store.store import Store

_COLUMNS = (
    "id, session_key, agent_id, turn_id, call_id, tool, arguments, why, state, created_at, expires_at,"
    " decided_at, decided_by, note"
)
_NAMES = tuple(name.strip() for name in _COLUMNS.split(","))
_FAMILY = """
    WITH RECURSIVE up (key, parent) AS (
        SELECT key, parent_key FROM sessions WHERE key = :key
        UNION SELECT s.key, s.parent_key FROM sessions s JOIN up ON s.key = up.parent),
    down (key) AS (
        SELECT :key UNION SELECT s.key FROM sessions s JOIN down ON s.parent_key = down.key)
    SELECT EXISTS (
        SELECT 1 FROM tainted WHERE session_key IN (SELECT key FROM up UNION SELECT key FROM down))"""


class ApprovalStore:
    """Approvals by id."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, approval: Approval) -> Reply[Approval]:
        """Keep a new one. One that waits for the very same call of the same turn is given instead."""
        return self._store.write(lambda: _add(approval))

    def decide(
        self, id: str, state: ApprovalState, at: datetime, by: str = "", note: str = ""
    ) -> Reply[Approval]:
        """``Conflict`` unless it is open, ``NotFound`` when there is none."""
        return self._store.write(lambda: _decide(id, state, at, by, note))

    def used(self, id: str) -> Reply[bool]:
        """Take what was approved; False when there is nothing to take. It can be taken once."""
        return self._store.write(lambda: _use(id))

    def settle(self, at: datetime) -> Reply[int]:
        """At a start: what was approved and not used, or belongs to a turn that has ended, is void."""
        return self._store.write(lambda: _settle(at))

    def list(
        self, state: ApprovalState | None, session: str | None, limit: int
    ) -> Reply[tuple[Approval, ...]]:
        return self._store.read(lambda: _list(state, session, limit))

    def get(self, id: str) -> Reply[Approval]:
        return self._store.read(lambda: _get(id))

    def taint(self, session_key: str, tool: str, at: datetime) -> Reply[None]:
        return self._store.write(lambda: _taint(session_key, tool, at))

    def is_tainted(self, session_key: str) -> Reply[bool]:
        """Whether it, one it was delegated from or one it has delegated to has read such words."""
        return self._store.read(
            lambda: bool(connection().execute(_FAMILY, {"key": session_key}).fetchone()[0])
        )


def _add(approval: Approval) -> Approval:
    bound = digest(approval.tool, approval.arguments)
    waits = connection().execute(
        f"SELECT {_COLUMNS} FROM approvals WHERE turn_id = ? AND digest = ? AND state = 'open'",  # noqa: S608
        (approval.turn_id, bound),
    )
    if (row := waits.fetchone()) is not None:
        return _approval(row)
    values = (
        approval.id,
        approval.session_key,
        approval.agent_id,
        approval.turn_id,
        approval.call_id,
        approval.tool,
        approval.arguments,
        approval.why,
        approval.state,
        moment_text(approval.created_at),
        moment_text(approval.expires_at),
        None,
        column(approval.decided_by),
        column(approval.note),
        bound,
    )
    marks = ", ".join("?" * len(values))
    connection().execute(f"INSERT INTO approvals ({_COLUMNS}, digest) VALUES ({marks})", values)  # noqa: S608
    return approval


def _decide(id: str, state: ApprovalState, at: datetime, by: str, note: str) -> Approval:
    changed = connection().execute(
        "UPDATE approvals SET state = ?, decided_at = ?, decided_by = ?, note = ?"
        " WHERE id = ? AND state = 'open'",
        (state, moment_text(at), by or None, note or None, id),
    )
    found = _get(id)
    if not changed.rowcount:
        raise Conflict(f"the approval {id} is settled already: {found.state}")
    return found


def _use(id: str) -> bool:
    changed = connection().execute(
        "UPDATE approvals SET state = 'used' WHERE id = ? AND state = 'approved'", (id,)
    )
    return changed.rowcount == 1


def _settle(at: datetime) -> int:
    changed = connection().execute(
        "UPDATE approvals SET state = 'void', decided_at = ?, note = 'the host began anew'"
        " WHERE state = 'approved'"
        " OR (state = 'open' AND turn_id NOT IN (SELECT id FROM turns WHERE ended_at IS NULL))",
        (moment_text(at),),
    )
    return changed.rowcount


def _list(state: ApprovalState | None, session: str | None, limit: int) -> tuple[Approval, ...]:
    rows = connection().execute(
        f"SELECT {_COLUMNS} FROM approvals WHERE (:state IS NULL OR state = :state)"  # noqa: S608
        " AND (:session IS NULL OR session_key = :session) ORDER BY created_at DESC, id LIMIT :limit",
        {"state": state, "session": session, "limit": limit},
    )
    return tuple(map(_approval, rows))


def _get(id: str) -> Approval:
    row = connection().execute(f"SELECT {_COLUMNS} FROM approvals WHERE id = ?", (id,)).fetchone()  # noqa: S608
    if row is None:
        raise NotFound(f"no approval has the id {id[:200]}")
    return _approval(row)


def _taint(session_key: str, tool: str, at: datetime) -> None:
    connection().execute(
        "INSERT INTO tainted (session_key, tool, at) SELECT key, ?, ? FROM sessions WHERE key = ?"
        " ON CONFLICT DO NOTHING",
        (tool, moment_text(at), session_key),
    )


def _approval(row: Any) -> Approval:
    created, expires, decided = row[9], row[10], row[11]
    return Approval(
        **dict(zip(_NAMES[:9], row[:9], strict=True)),
        created_at=datetime.fromisoformat(created),
        expires_at=datetime.fromisoformat(expires),
        decided_at=given(None if decided is None else datetime.fromisoformat(decided)),
        decided_by=given(row[12]),
        note=given(row[13]),
    )
