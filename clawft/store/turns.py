"""Turns at rest. Each step of a turn is one transaction, so no crash leaves half of one."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from clawft.domain.costs import Usage
from clawft.domain.pipeline import PipelineRun
from clawft.domain.sessions import ChatMessage
from clawft.domain.turns import (
    OPEN_STATES,
    EndedTurn,
    Turn,
    TurnLeft,
    TurnStory,
    may_begin_again,
    open_state,
    state_after,
)
from clawft.domain.values import UNSET, UnsetType
from clawft.errors import Conflict, NotFound
from clawft.runtime import Reply
from clawft.store.columns import column, given, moment_text
from clawft.store.database import connection
from clawft.store.runs import add_run
from clawft.store.sessions import add_messages, said
from clawft.store.steps import interrupt_steps, put_steps, steps_of
from clawft.store.store import Store
from clawft.store.tables import MessageRow, SessionRow, TurnRow
from clawft.store.usage import add_calls, spent_by

_ACCEPT = """
    INSERT INTO turns (id, session_key, agent_id, state, created_at, started_at, attempts, mode, request_id,
    once_key, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_BEGIN = """
    UPDATE turns SET state = 'running', started_at = ?, attempts = attempts + 1
    WHERE id = ? AND ended_at IS NULL AND started_at IS NULL"""
_END = """
    UPDATE turns SET state = :state, started_at = :started_at, ended_at = :ended_at, reason = :reason,
    error = :error, model = :model, tier = :tier, complexity = :complexity, input_tokens = :input_tokens,
    output_tokens = :output_tokens, cost_usd = :cost_usd, input_cost_usd = :input_cost_usd,
    output_cost_usd = :output_cost_usd, estimated = :estimated, unpriced = coalesce(:unpriced, 0)
    WHERE id = :id AND ended_at IS NULL"""


class Once(NamedTuple):
    """What tells whether a message was sent before: a key of the sender's, and what it came with."""

    key: str
    digest: str


class Sent(NamedTuple):
    """The turn that answers, or answered, the message with a key."""

    turn: Turn
    digest: str
    answer: ChatMessage | None


class Interrupted(NamedTuple):
    """What became of the turns that a dead host left open."""

    ended: tuple[Turn, ...]
    again: tuple[Turn, ...]
    """They wait again, in the order they came."""


class TurnStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def accept(self, turn: Turn, message: ChatMessage, once: Once | None = None) -> Reply[None]:
        """Keep what the user said and the turn that is to answer it. From here on it cannot be lost.

        ``NotFound`` when the session is not there; nothing is kept then.
        """
        return self._store.write(lambda: _accept(turn, message, once))

    def sent(self, session_key: str, key: str) -> Reply[Sent | None]:
        """The turn whose message was sent with this key, if there is one."""
        return self._store.read(lambda: _sent(session_key, key))

    def begin(self, turn_id: str, at: datetime) -> Reply[None]:
        """The turn runs now. ``Conflict`` when it is not waiting for that."""
        return self._store.write(lambda: _begin(turn_id, at))

    def note(self, turn: Turn, left: TurnLeft) -> Reply[None]:
        """Keep what an open turn has done and spent so far."""
        return self._store.write(lambda: _note(turn, left))

    def merge(self, turn_id: str, into: str, at: datetime) -> Reply[None]:
        """End a turn that waits: its message is answered by the turn ``into`` from here on."""
        return self._store.write(lambda: _merge(turn_id, into, at))

    def finish(self, ended: EndedTurn) -> Reply[bool]:
        """Keep all that the turn leaves behind. ``Conflict`` when it has ended before: a turn ends once.

        False: its session was deleted meanwhile, so only the run and the usage are kept.
        """
        return self._store.write(lambda: _finish(ended))

    def list(self, session_key: str, limit: int = 200) -> Reply[tuple[Turn, ...]]:
        """The turns of a session, open ones first, then newest first."""
        return self._store.read(lambda: _list(session_key, limit))

    def story(self, session_key: str, turn_id: str) -> Reply[TurnStory]:
        """A turn with its messages and its steps. ``NotFound`` when the session has no such turn."""
        return self._store.read(lambda: _story(session_key, turn_id))

    def result(self, session_key: str, call_id: str) -> Reply[str | None]:
        """The whole result of the latest call with this id in a session; None: there is none."""
        return self._store.read(lambda: _result(session_key, call_id))

    def open(self) -> Reply[tuple[Turn, ...]]:
        """Every turn that has not ended, oldest first."""
        return self._store.read(_open)

    def interrupt_open(self, at: datetime, *, again: bool = True) -> Reply[Interrupted]:
        """At the start of the host: what the last one left open. ``again``: some may begin again.

        A turn that nothing came of yet may begin again; any other is ended, with its run.
        """
        return self._store.write(lambda: _interrupt_open(at, again))


def _accept(turn: Turn, message: ChatMessage, once: Once | None) -> None:
    # The message first: adding it finds out whether there is such a session.
    add_messages(turn.session_key, [message], turn.id)
    began = _text(column(turn.started_at))
    row = (turn.id, turn.session_key, turn.agent_id, turn.state, moment_text(turn.created_at), began)
    which = (None, None) if once is None else (once.key, once.digest)
    connection().execute(_ACCEPT, (*row, turn.attempts, turn.mode, column(turn.request_id) or "", *which))


def _sent(session_key: str, key: str) -> Sent | None:
    own = TurnRow.get_or_none((TurnRow.session_key == session_key) & (TurnRow.once_key == key))
    if own is None:
        return None
    row = TurnRow.get_or_none(TurnRow.id == own.merged_into) or own
    answers = MessageRow.select().where((MessageRow.turn_id == row.id) & (MessageRow.role == "assistant"))
    answer = answers.order_by(MessageRow.seq.desc()).first()
    return Sent(_turn(row), own.digest or "", None if answer is None else said(answer))


def _begin(turn_id: str, at: datetime) -> None:
    if connection().execute(_BEGIN, (moment_text(at), turn_id)).rowcount == 0:
        raise Conflict(f"turn {turn_id} is not waiting to begin")


def _note(turn: Turn, left: TurnLeft) -> None:
    put_steps(turn.id, left.steps)
    add_calls(left.calls, turn)


def _merge(turn_id: str, into: str, at: datetime) -> None:
    raw = connection()
    raw.execute("UPDATE messages SET turn_id = ? WHERE turn_id = ?", (into, turn_id))
    raw.execute(
        "UPDATE turns SET state = 'merged', reason = 'merged', merged_into = ?, ended_at = ?"
        " WHERE id = ? AND ended_at IS NULL",
        (into, moment_text(at), turn_id),
    )


def _finish(ended: EndedTurn) -> bool:
    turn = ended.turn
    add_calls(ended.calls, turn)
    if turn.attempts > 1:
        turn = msgspec.structs.replace(turn, usage=spent_by(turn.id))
    here = _end(turn)
    add_run(ended.run, turn)
    put_steps(turn.id, ended.steps)
    if here and ended.message is not None:
        add_messages(turn.session_key, [ended.message], turn.id)
    return here


def _end(turn: Turn) -> bool:
    """Whether the turn is still there to be ended; it goes with its session."""
    if isinstance(turn.ended_at, UnsetType) or turn.state in OPEN_STATES:
        raise ValueError(f"{turn} has not ended")
    if connection().execute(_END, _members(turn)).rowcount == 1:
        return True
    if TurnRow.select().where(TurnRow.id == turn.id).exists():
        raise Conflict(f"turn {turn.id} has already ended")
    return False


def _members(turn: Turn) -> dict[str, Any]:
    usage = {} if isinstance(turn.usage, UnsetType) else msgspec.structs.asdict(turn.usage)
    members = msgspec.structs.asdict(turn) | {name: usage.get(name) for name in Usage.__struct_fields__}
    return {name: _text(column(value)) for name, value in members.items() if name != "usage"}


def _text(value: object) -> object:
    return moment_text(value) if isinstance(value, datetime) else value


def _interrupt_open(at: datetime, again: bool) -> Interrupted:
    left = [(turn, again and _begins_again(turn)) for turn in _open()]
    return Interrupted(
        ended=tuple(_interrupt(turn, at) for turn, once_more in left if not once_more),
        again=tuple(_wait_again(turn, at) for turn, once_more in left if once_more),
    )


def _begins_again(turn: Turn) -> bool:
    """Nobody is left to wait for a child's answer: whoever handed its task on has failed by now."""
    session = SessionRow.get(SessionRow.key == turn.session_key)
    wanted = not isinstance(turn.request_id, UnsetType) and not session.parent_key
    return wanted and may_begin_again(turn.attempts, steps_of(turn.id))


def _wait_again(turn: Turn, at: datetime) -> Turn:
    interrupt_steps(turn.id, moment_text(at))
    connection().execute("UPDATE turns SET state = 'queued', started_at = NULL WHERE id = ?", (turn.id,))
    return msgspec.structs.replace(turn, state="queued", started_at=UNSET)


def _interrupt(turn: Turn, at: datetime) -> Turn:
    """End a turn whose host died. Its run says how long it was under way, as far as anyone can tell."""
    ended = msgspec.structs.replace(
        turn, state="interrupted", ended_at=at, reason="host_died", usage=spent_by(turn.id)
    )
    began = turn.created_at if isinstance(turn.started_at, UnsetType) else turn.started_at
    run = PipelineRun(
        id=f"run-{turn.id.removeprefix('turn-')}",
        session_key=turn.session_key,
        model=column(turn.model) or "",
        complexity=column(turn.complexity) or 0.0,
        latency_ms=max(0, round((at - began).total_seconds() * 1000)),
        status="error",
        timestamp=at,
    )
    interrupt_steps(turn.id, moment_text(at))
    _finish(EndedTurn(turn=ended, run=run))
    return ended


def _story(session_key: str, turn_id: str) -> TurnStory:
    row = TurnRow.get_or_none((TurnRow.id == turn_id) & (TurnRow.session_key == session_key))
    if row is None:
        raise NotFound(f"the session {session_key[:200]} has no turn {turn_id[:200]}")
    rows = MessageRow.select().where(MessageRow.turn_id == turn_id).order_by(MessageRow.seq)
    return TurnStory(
        **msgspec.structs.asdict(_turn(row)), messages=tuple(map(said, rows)), steps=steps_of(turn_id)
    )


def _result(session_key: str, call_id: str) -> str | None:
    found = connection().execute(
        "SELECT steps.result FROM steps JOIN turns ON turns.id = steps.turn_id"
        " WHERE call_id = ? AND session_key = ? ORDER BY steps.started_at DESC LIMIT 1",
        (call_id, session_key),
    )
    row = found.fetchone()
    return None if row is None else row[0]


def _list(session_key: str, limit: int) -> tuple[Turn, ...]:
    rows = TurnRow.select().where(TurnRow.session_key == session_key)
    newest = rows.order_by(TurnRow.ended_at.is_null(False), TurnRow.created_at.desc(), TurnRow.id)
    return tuple(_turn(row) for row in newest.limit(limit))


def _open() -> tuple[Turn, ...]:
    rows = TurnRow.select().where(TurnRow.ended_at.is_null()).order_by(TurnRow.created_at, TurnRow.id)
    return tuple(_turn(row) for row in rows)


def _turn(row: TurnRow) -> Turn:
    return Turn(
        id=row.id,
        session_key=row.session_key,
        agent_id=row.agent_id,
        state=open_state(given(row.started_at)) if row.ended_at is None else state_after(row.reason),
        created_at=row.created_at,
        started_at=given(row.started_at),
        ended_at=given(row.ended_at),
        reason=given(row.reason),
        error=given(row.error),
        model=given(row.model),
        tier=given(row.tier),
        complexity=given(row.complexity),
        usage=_usage(row),
        mode=row.mode,
        request_id=row.request_id or UNSET,
        attempts=row.attempts,
        merged_into=given(row.merged_into),
    )


def _usage(row: TurnRow) -> Usage | UnsetType:
    if row.input_tokens is None:
        return UNSET
    return Usage(**{name: getattr(row, name) for name in Usage.__struct_fields__})
