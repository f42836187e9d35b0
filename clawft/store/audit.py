"""The audit log at rest. Rows are only added."""

from datetime import datetime
from typing import Any

from clawft.domain.audit import FIRST, AuditEntry, AuditPage, AuditReport, chained
from clawft.runtime import Reply
from clawft.store.columns import moment_text
from clawft.store.database import connection
from clawft.store.settings import get_setting, put_setting
from clawft.store.store import Store

HEAD = "audit.head"
"""The setting that says what the newest entry is: without it the end could be cut off unseen."""


class AuditStore:
    """Entries by number, from 1."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, at: datetime, actor: str, peer: str, action: str, detail: str) -> Reply[None]:
        return self._store.write(lambda: _add(moment_text(at), actor, peer, action, detail))

    def page(self, limit: int, offset: int) -> Reply[AuditPage]:
        return self._store.read(lambda: _page(limit, offset))

    def verify(self) -> Reply[AuditReport]:
        return self._store.read(_verify)


def _add(at: str, *said: str) -> None:
    # After the head, and not after the last row: if the end was cut off, it stays missing.
    head = get_setting(HEAD, dict[str, Any]) or {"seq": 0, "hash": FIRST}
    seq = int(head["seq"]) + 1
    hash = chained(head["hash"], seq, at, *said)
    connection().execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", (seq, at, *said, hash))
    put_setting(HEAD, {"seq": seq, "hash": hash})


def _page(limit: int, offset: int) -> AuditPage:
    raw = connection()
    rows = raw.execute("SELECT * FROM audit ORDER BY seq DESC LIMIT ? OFFSET ?", (limit, offset))
    items = tuple(_entry(row) for row in rows)
    return AuditPage(items, int(raw.execute("SELECT count(*) FROM audit").fetchone()[0]), limit, offset)


def _entry(row: Any) -> AuditEntry:
    seq, at, *said = row
    return AuditEntry(seq, datetime.fromisoformat(at), *said)


def _verify() -> AuditReport:
    before, count = FIRST, 0
    for seq, at, *said, hash in connection().execute("SELECT * FROM audit ORDER BY seq"):
        count += 1
        if seq != count:
            return AuditReport(False, count - 1, before, f"entry {count} is missing")
        if chained(before, seq, at, *said) != hash:
            return AuditReport(False, count - 1, before, f"entry {seq} is not as it was written")
        before = hash
    head = get_setting(HEAD, dict[str, Any]) or {"seq": 0, "hash": FIRST}
    if head != {"seq": count, "hash": before}:
        return AuditReport(False, count, before, f"the log ends at {count}, and was at {head['seq']}")
    return AuditReport(True, count, before)
