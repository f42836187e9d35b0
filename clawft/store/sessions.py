"""Sessions at rest, and what was said in them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from clawft.domain.context import Said
from clawft.domain.sessions import ChatMessage, SessionDetail, SessionRecord, SessionSummary, ToolCallInfo
from clawft.domain.topics import messages_of
from clawft.domain.values import UNSET, Ok
from clawft.errors import Conflict, NotFound
from clawft.runtime import Reply
from clawft.store.columns import given, json_text, moment_text
from clawft.store.database import connection
from clawft.store.store import Store
from clawft.store.tables import MessageRow, SessionRow

# By hand, because these run for every message: Peewee takes 30 times as long to build a row.
_ADD_MESSAGE = """
    INSERT INTO messages (session_key, seq, turn_id, role, content, tool_calls, timestamp)
    SELECT key, message_count + ?, ?, ?, ?, ?, ? FROM sessions WHERE key = ?"""
_AMEND = """
    UPDATE messages SET content = ?1 WHERE session_key = ?2 AND seq = (
        SELECT max(seq) FROM messages WHERE session_key = ?2 AND role = 'assistant')"""
# What was said is also in the frames that are kept for those who come back: the last thousand of all of them.
_FORGET_TOLD = """
    DELETE FROM events WHERE topic = 'chat:message'
    AND json_extract(CAST(body AS TEXT), '$.data.session_key') = ?"""
_COUNT_MESSAGES = "UPDATE sessions SET message_count = message_count + ?, updated_at = ? WHERE key = ?"
_MESSAGES = "SELECT role, content, timestamp, tool_calls FROM messages WHERE session_key = ? ORDER BY seq"
_LATEST = """
    SELECT seq, turn_id, role, content, timestamp, tool_calls FROM messages
    WHERE session_key = ? AND seq > ? ORDER BY seq DESC LIMIT ?"""
_FIND = "SELECT created_at, agent_id, model, parent_key, depth, mode FROM sessions WHERE key = ?"
_SUMMARY = "SELECT upto, content FROM summaries WHERE session_key = ?"
_SUM_UP = """
    INSERT OR REPLACE INTO summaries (session_key, upto, content, at)
    SELECT key, ?, ?, ? FROM sessions WHERE key = ?"""

_tool_calls = msgspec.json.Decoder(tuple[ToolCallInfo, ...]).decode


class Latest(NamedTuple):
    """What a model may be shown of a session."""

    summary: str
    messages: tuple[Said, ...]


class SessionStore:
    """Sessions by key. A key that no session has is ``NotFound``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, record: SessionRecord) -> Reply[SessionSummary]:
        """Keep a new, empty session. ``Conflict`` when its key is taken."""
        return self._store.write(lambda: _create(record))

    def list(self) -> Reply[tuple[SessionSummary, ...]]:
        """Every session, most recently used first."""
        return self._store.read(_list)

    def find(self, key: str) -> Reply[SessionRecord | None]:
        """What is fixed about the session, or None when there is none."""
        return self._store.read(lambda: _find(key))

    def get(self, key: str) -> Reply[SessionDetail]:
        """The session with everything said in it."""
        return self._store.read(lambda: _get(key))

    def messages(self, key: str) -> Reply[tuple[ChatMessage, ...]]:
        """Everything said in the session, oldest first."""
        return self._store.read(lambda: _get(key).messages)

    def latest(self, key: str, limit: int) -> Reply[Latest]:
        """The latest messages that no summary stands for, oldest first, and the summary of those before.

        A key that no session has gives nothing.
        """
        return self._store.read(lambda: _latest(key, limit))

    def sum_up(self, key: str, upto: int, summary: str, at: datetime) -> Reply[None]:
        """From here on ``summary`` stands for the messages up to this number. They stay where they are."""
        return self._store.write(lambda: _sum_up(key, upto, summary, at))

    def append(self, key: str, messages: Sequence[ChatMessage]) -> Reply[None]:
        """Add messages that belong to no turn, all or none."""
        return self._store.write(lambda: add_messages(key, messages))

    def amend(self, key: str, content: str) -> Reply[Ok]:
        """The latest answer said this. Where there is none, nothing happens."""
        return self._store.write(lambda: _amend(key, content))

    def delete(self, key: str) -> Reply[None]:
        """Forget the session with its messages and turns, also as they were told. Runs and usage stay: they
        were spent."""
        return self._store.write(lambda: _delete(key))

    def count(self) -> Reply[int]:
        return self._store.read(lambda: int(SessionRow.select().count()))

    def count_by_agent(self) -> Reply[dict[str, int]]:
        """How many sessions each agent has; an agent with none is left out."""
        return self._store.read(_count_by_agent)


def add_messages(key: str, messages: Iterable[ChatMessage], turn_id: str | None = None) -> None:
    """Inside a write: add messages and count them. ``NotFound`` when there is no such session."""
    raw = connection()
    number, said_at = 0, ""
    for number, message in enumerate(messages, start=1):
        said_at = moment_text(message.timestamp)
        calls = None if message.tool_calls is UNSET else json_text(message.tool_calls)
        row = (number, turn_id, message.role, message.content, calls, said_at, key)
        if raw.execute(_ADD_MESSAGE, row).rowcount == 0:
            raise no_session(key)
    if number:
        raw.execute(_COUNT_MESSAGES, (number, said_at, key))


def said(row: MessageRow) -> ChatMessage:
    return ChatMessage(row.role, row.content, row.timestamp, given(row.tool_calls))


def no_session(key: str) -> NotFound:
    return NotFound(f"no session has the key {key[:200]}")


def _amend(key: str, content: str) -> Ok:
    connection().execute(_AMEND, (content, key))
    return Ok()


def _create(record: SessionRecord) -> SessionSummary:
    added = (
        SessionRow.insert(**msgspec.structs.asdict(record), updated_at=record.created_at)
        .on_conflict_ignore()
        .as_rowcount()
        .execute()
    )
    if not added:
        raise Conflict(f"there is already a session with the key {record.key}")
    return SessionSummary(record.key, record.agent_id, 0, record.created_at)


def _find(key: str) -> SessionRecord | None:
    row = connection().execute(_FIND, (key,)).fetchone()
    if row is None:
        return None
    created_at, *more = row
    return SessionRecord(key, more[0], datetime.fromisoformat(created_at), *more[1:])


def _list() -> tuple[SessionSummary, ...]:
    rows = connection().execute(
        "SELECT key, agent_id, message_count, updated_at FROM sessions ORDER BY updated_at DESC, key"
    )
    return tuple(_summary(*row) for row in rows)


def _get(key: str) -> SessionDetail:
    raw = connection()
    session = raw.execute(
        "SELECT key, agent_id, message_count, updated_at FROM sessions WHERE key = ?", (key,)
    ).fetchone()
    if session is None:
        raise no_session(key)
    messages = tuple(_message(*row) for row in raw.execute(_MESSAGES, (key,)))
    return SessionDetail(**msgspec.structs.asdict(_summary(*session)), messages=messages)


def _latest(key: str, limit: int) -> Latest:
    raw = connection()
    upto, summary = raw.execute(_SUMMARY, (key,)).fetchone() or (0, "")
    rows = raw.execute(_LATEST, (key, upto, limit)).fetchall()
    return Latest(
        summary, tuple(Said(seq, turn_id, _message(*said)) for seq, turn_id, *said in reversed(rows))
    )


def _sum_up(key: str, upto: int, summary: str, at: datetime) -> None:
    connection().execute(_SUM_UP, (upto, summary, moment_text(at), key))


def _delete(key: str) -> None:
    if not SessionRow.delete().where(SessionRow.key == key).execute():
        raise no_session(key)
    raw = connection()
    raw.execute("DELETE FROM events WHERE topic = ?", (messages_of(key),))
    raw.execute(_FORGET_TOLD, (key,))


def _count_by_agent() -> dict[str, int]:
    rows: Iterable[tuple[str, int]] = connection().execute(
        "SELECT agent_id, count(*) FROM sessions GROUP BY agent_id"
    )
    return dict(rows)


def _summary(key: str, agent_id: str, message_count: int, updated_at: str) -> SessionSummary:
    return SessionSummary(key, agent_id, message_count, datetime.fromisoformat(updated_at))


def _message(role: Any, content: str, timestamp: str, tool_calls: str | None) -> ChatMessage:
    calls = UNSET if tool_calls is None else _tool_calls(tool_calls)
    return ChatMessage(role, content, datetime.fromisoformat(timestamp), calls)
