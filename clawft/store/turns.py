"""Turns at rest. Each step of a turn is one transaction, so no crash leaves half of one."""

from datetime import datetime
from typing import Any

import msgspec

from clawft.domain.costs import Usage
from clawft.domain.pipeline import PipelineRun
from clawft.domain.sessions import ChatMessage
from clawft.domain.turns import OPEN_STATES, EndedTurn, Turn
from clawft.domain.values import UNSET, UnsetType
from clawft.errors import Conflict
from clawft.runtime import Reply
from clawft.store.columns import column, given, moment_text
from clawft.store.database import connection
from clawft.store.runs import add_run
from clawft.store.sessions import add_messages
from clawft.store.store import Store
from clawft.store.tables import TurnRow
from clawft.store.usage import add_calls

_ACCEPT = "INSERT INTO turns (id, session_key, agent_id, state, created_at) VALUES (?, ?, ?, ?, ?)"
_BEGIN = "UPDATE turns SET state = 'running', started_at = ? WHERE id = ? AND state = 'queued'"
_END = """
    UPDATE turns SET state = :state, started_at = :started_at, ended_at = :ended_at, reason = :reason,
    error = :error, model = :model, tier = :tier, complexity = :complexity, input_tokens = :input_tokens,
    output_tokens = :output_tokens, cost_usd = :cost_usd, input_cost_usd = :input_cost_usd,
    output_cost_usd = :output_cost_usd, estimated = :estimated WHERE id = :id AND ended_at IS NULL"""


class TurnStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def accept(self, turn: Turn, message: ChatMessage) -> Reply[None]:
        """Keep what the user said and the turn that is to answer it. From here on it cannot be lost.

        ``NotFound`` when the session is not there; nothing is kept then.
        """
        return self._store.write(lambda: _accept(turn, message))

    def begin(self, turn_id: str, at: datetime) -> Reply[None]:
        """The turn runs now. ``Conflict`` when it is not waiting for that."""
        return self._store.write(lambda: _begin(turn_id, at))

    def finish(self, ended: EndedTurn) -> Reply[bool]:
        """Keep all that the turn leaves behind. ``Conflict`` when it has ended before: a turn ends once.

        False: its session was deleted meanwhile, so only the run and the usage are kept.
        """
        return self._store.write(lambda: _finish(ended))

    def list(self, session_key: str, limit: int = 200) -> Reply[tuple[Turn, ...]]:
        """The turns of a session, open ones first, then newest first."""
        return self._store.read(lambda: _list(session_key, limit))

    def open(self) -> Reply[tuple[Turn, ...]]:
        """Every turn that has not ended, oldest first."""
        return self._store.read(_open)

    def interrupt_open(self, at: datetime) -> Reply[tuple[Turn, ...]]:
        """At the start of the host: end every turn the last one left open, each with its run.

        The answer is what they have become.
        """
        return self._store.write(lambda: tuple(_interrupt(turn, at) for turn in _open()))


def _accept(turn: Turn, message: ChatMessage) -> None:
    # The message first: adding it finds out whether there is such a session.
    add_messages(turn.session_key, [message], turn.id)
    row = (turn.id, turn.session_key, turn.agent_id, turn.state, moment_text(turn.created_at))
    connection().execute(_ACCEPT, row)


def _begin(turn_id: str, at: datetime) -> None:
    if connection().execute(_BEGIN, (moment_text(at), turn_id)).rowcount == 0:
        raise Conflict(f"turn {turn_id} is not waiting to begin")


def _finish(ended: EndedTurn) -> bool:
    turn = ended.turn
    here = _end(turn)
    add_run(ended.run, turn)
    add_calls(ended.calls, turn)
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
    del members["usage"]
    return {name: _text(column(value)) for name, value in members.items()}


def _text(value: object) -> object:
    return moment_text(value) if isinstance(value, datetime) else value


def _interrupt(turn: Turn, at: datetime) -> Turn:
    """End a turn whose host died. Its run says how long it was under way, as far as anyone can tell."""
    ended = msgspec.structs.replace(turn, state="interrupted", ended_at=at, reason="host_died")
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
    _finish(EndedTurn(turn=ended, run=run))
    return ended


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
        state=row.state,
        created_at=row.created_at,
        started_at=given(row.started_at),
        ended_at=given(row.ended_at),
        reason=given(row.reason),
        error=given(row.error),
        model=given(row.model),
        tier=given(row.tier),
        complexity=given(row.complexity),
        usage=_usage(row),
    )


def _usage(row: TurnRow) -> Usage | UnsetType:
    if row.input_tokens is None:
        return UNSET
    return Usage(**{name: getattr(row, name) for name in Usage.__struct_fields__})
