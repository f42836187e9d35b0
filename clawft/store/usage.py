"""Usage at rest: what every model call used. Sums are made by SQL from the rows, so nothing can drift."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from clawft.domain.costs import (
    TIER_LABELS,
    CostBreakdown,
    ProviderCost,
    ProviderTokens,
    SessionTokens,
    TierCost,
    TokenUsageSummary,
    Unpriced,
    Usage,
)
from clawft.domain.turns import ModelCall, Turn
from clawft.domain.values import UNSET
from clawft.runtime import Reply
from clawft.store.columns import moment_text
from clawft.store.database import connection
from clawft.store.statements import insert_statement
from clawft.store.store import Store
from clawft.store.tables import UsageRow

_ADD = insert_statement(UsageRow)

# To a billionth of a dollar: far below any price, far above what the order of adding floats changes.
_TOKENS = "sum(input_tokens), sum(output_tokens)"
_DOLLARS = "round(sum(input_cost_usd), 9), round(sum(output_cost_usd), 9)"
_TOTAL = "round(sum(input_cost_usd + output_cost_usd), 9)"
_SPENT = """
    SELECT total(input_tokens), total(output_tokens), total(input_cost_usd), total(output_cost_usd),
    max(estimated), max(unpriced) FROM usage"""
_SINCE = "FROM usage WHERE at >= ?"


class UsageStore:
    """Calls are added by ``TurnStore.finish``, together with what else a turn leaves behind."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def tokens(self, since: datetime | None = None) -> Reply[TokenUsageSummary]:
        """All tokens from ``since`` on, by model and by session; the busiest first."""
        return self._store.read(lambda: _tokens(_from(since)))

    def spent(self, scope: str, id: str, since: datetime, until: datetime) -> Reply[Usage]:
        """What was used from ``since`` on and before ``until``.

        By a turn (named by its id, or by the request all of it is for), a session, a job, an agent, or, with
        the scope ``day``, by everybody.
        """
        return self._store.read(lambda: _spent(scope, id, moment_text(since), moment_text(until)))

    def costs(self, since: datetime | None = None) -> Reply[CostBreakdown]:
        """All dollars from ``since`` on, by model and by tier. Every tier is listed."""
        return self._store.read(lambda: _costs(_from(since)))


def _spent(scope: str, id: str, since: str, until: str) -> Usage:
    where = {
        "turn": "(turn_id = :id OR turn_id IN (SELECT id FROM turns WHERE request_id = :id))",
        "session": "session_key = :id",
        "job": "session_key = :id",
        "agent": "agent_id = :id",
        "day": "1",
    }[scope]
    [row] = connection().execute(
        f"{_SPENT} WHERE at >= :since AND at < :until AND {where}",
        {"id": id, "since": since, "until": until},
    )
    return _summed(row)


def _summed(row: Any) -> Usage:
    inputs, outputs, paid_in, paid_out, estimated, unpriced = row
    return Usage(
        int(inputs), int(outputs), paid_in + paid_out, paid_in, paid_out, bool(estimated), bool(unpriced)
    )


def add_calls(calls: Iterable[ModelCall], turn: Turn) -> None:
    """Inside a write: keep the model calls of a turn."""
    connection().executemany(_ADD, [_row(call, turn) for call in calls])


def spent_by(turn_id: str) -> Usage:
    """Inside a transaction: all that a turn has used so far."""
    [row] = connection().execute(f"{_SPENT} WHERE turn_id = ?", (turn_id,))
    return _summed(row)


def _row(call: ModelCall, turn: Turn) -> tuple[Any, ...]:
    used = call.usage
    tokens = (used.input_tokens, used.output_tokens)
    dollars = (used.input_cost_usd, used.output_cost_usd)
    whose = (turn.id, turn.session_key, turn.agent_id, call.provider, call.model, call.tier)
    return (*whose, *tokens, *dollars, used.estimated, call.status, moment_text(call.at), used.unpriced)


def _from(since: datetime | None) -> str:
    return "" if since is None else moment_text(since)


def _rows(columns: str, rest: str, since: str) -> list[tuple[Any, ...]]:
    return connection().execute(f"SELECT {columns} {_SINCE} {rest}", (since,)).fetchall()


def _tokens(since: str) -> TokenUsageSummary:
    by_model = "GROUP BY provider, model ORDER BY sum(input_tokens + output_tokens) DESC, provider, model"
    by_session = "GROUP BY session_key ORDER BY sum(input_tokens + output_tokens) DESC, session_key"
    [(inputs, outputs, requests)] = _rows(f"{_TOKENS}, count(*)", "", since)
    models = _rows(
        f"provider, model, {_TOKENS}, sum(input_tokens + output_tokens), count(*)", by_model, since
    )
    sessions = _rows(f"session_key, {_TOKENS}, count(*)", by_session, since)
    return TokenUsageSummary(
        total_input=inputs or 0,
        total_output=outputs or 0,
        total_requests=requests,
        by_provider=tuple(ProviderTokens(*row) for row in models),
        by_session=tuple(SessionTokens(*row) for row in sessions),
    )


def _costs(since: str) -> CostBreakdown:
    by_model = f"GROUP BY provider, model ORDER BY {_TOTAL} DESC, provider, model"
    [(total,)] = _rows(_TOTAL, "", since)
    models = _rows(f"provider, model, {_DOLLARS}, {_TOTAL}", by_model, since)
    tiers = {tier: of for tier, *of in _rows(f"tier, count(*), {_TOTAL}", "GROUP BY tier", since)}
    unpriced = connection().execute(
        "SELECT provider, model, count(*), sum(input_tokens + output_tokens) FROM usage"
        " WHERE at >= ? AND unpriced GROUP BY provider, model ORDER BY count(*) DESC, provider, model",
        (since,),
    )
    unknown = tuple(Unpriced(*row) for row in unpriced)
    return CostBreakdown(
        unpriced=unknown or UNSET,
        total_cost_usd=total or 0.0,
        by_provider=tuple(ProviderCost(*row) for row in models),
        by_tier=tuple(
            TierCost(tier, label, *tiers.get(tier, (0, 0.0))) for tier, label in TIER_LABELS.items()
        ),
    )
