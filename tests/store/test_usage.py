"""Sums of what was used."""

import random
from typing import Any

import pytest

from clawft.domain.costs import TIER_LABELS, Tier, Usage
from clawft.domain.pipeline import PipelineRun
from clawft.domain.turns import EndedTurn, ModelCall, Turn
from clawft.store import Store
from clawft.store.turns import TurnStore
from clawft.store.usage import UsageStore
from tests.store.conftest import NOW, after

WAIT = 10.0


def call(
    provider: str, tier: Tier, tokens: tuple[int, int], dollars: tuple[float, float], at: float = 0
) -> ModelCall:
    usage = Usage(*tokens, sum(dollars), *dollars)
    return ModelCall(provider, "model-1", tier, usage, "success", after(at))


def spend(store: Store, session_key: str, *calls: ModelCall) -> None:
    """A turn of a session that is gone already: its usage counts all the same."""
    turn = Turn(f"turn-{random.getrandbits(64)}", session_key, "agent-1", "done", NOW, ended_at=NOW)
    run = PipelineRun(turn.id, session_key, "model-1", 0.5, 1, "success", NOW)
    TurnStore(store).finish(EndedTurn(turn, run, calls)).get(timeout=WAIT)


def test_nothing_used_adds_up_to_nothing(store: Store) -> None:
    tokens, costs = UsageStore(store).tokens().get(timeout=WAIT), UsageStore(store).costs().get(timeout=WAIT)
    assert (tokens.total_input, tokens.total_output, tokens.total_requests) == (0, 0, 0)
    assert (tokens.by_provider, tokens.by_session) == ((), ())
    assert costs.total_cost_usd == 0
    assert [(row.tier, row.label, row.request_count, row.total_cost_usd) for row in costs.by_tier] == [
        (tier, label, 0, 0) for tier, label in TIER_LABELS.items()
    ]


def test_tokens_add_up_by_model_and_by_session(store: Store) -> None:
    spend(store, "sess-1", call("offline", 2, (10, 5), (0, 0)), call("other", 3, (100, 50), (0, 0)))
    spend(store, "sess-2", call("other", 3, (1, 1), (0, 0)))
    tokens = UsageStore(store).tokens().get(timeout=WAIT)
    assert (tokens.total_input, tokens.total_output, tokens.total_requests) == (111, 56, 3)
    providers = [
        (row.provider, row.input_tokens, row.output_tokens, row.total_tokens, row.request_count)
        for row in tokens.by_provider
    ]
    assert providers == [("other", 101, 51, 152, 2), ("offline", 10, 5, 15, 1)]
    sessions = [
        (row.session_key, row.input_tokens, row.output_tokens, row.request_count) for row in tokens.by_session
    ]
    assert sessions == [("sess-1", 110, 55, 2), ("sess-2", 1, 1, 1)]


def test_every_total_is_the_sum_of_its_parts(store: Store) -> None:
    rng = random.Random(7)
    tiers: tuple[Tier, ...] = (1, 2, 3)
    for number in range(40):
        dollars = (rng.random() / 3, rng.random() / 7)
        spend(store, f"sess-{number % 3}", call(f"p-{number % 4}", rng.choice(tiers), (1, 1), dollars))
    costs = UsageStore(store).costs().get(timeout=WAIT)
    total = pytest.approx(costs.total_cost_usd, abs=1e-8)
    assert costs.total_cost_usd > 0
    assert sum(row.total_cost_usd for row in costs.by_provider) == total
    assert sum(row.total_cost_usd for row in costs.by_tier) == total
    assert sum(row.input_cost_usd + row.output_cost_usd for row in costs.by_provider) == total
    assert sum(row.request_count for row in costs.by_tier) == 40


@pytest.mark.parametrize(("since", "requests"), [(0, 2), (5, 1), (5.000001, 0)])
def test_only_what_was_used_since_then_counts(store: Store, since: Any, requests: int) -> None:
    spend(store, "sess-1", call("a", 2, (1, 1), (1, 1), at=0), call("a", 2, (1, 1), (1, 1), at=5))
    usage = UsageStore(store)
    assert usage.tokens(after(since)).get(timeout=WAIT).total_requests == requests
    assert usage.costs(after(since)).get(timeout=WAIT).total_cost_usd == 2 * requests
