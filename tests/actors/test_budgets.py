"""Budgets: no call that cannot be paid is made, and what was spent is known after a restart."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clawft.actors.budgets import BudgetGuard, Budgets
from clawft.actors.clock import utc_now
from clawft.actors.ledger import Ledger
from clawft.domain.budgets import Budget, BudgetScope, BudgetState, Purse, Spent, Wanted, applying
from clawft.domain.config import ConfigData
from clawft.domain.costs import Usage
from clawft.domain.events import BudgetChanged
from clawft.domain.models import Finished, ModelRequest, TextDelta
from clawft.errors import NotFound
from clawft.messages.budgets import ListBudgets, ResumeBudget
from clawft.store.settings import SettingsStore
from clawft.store.usage import UsageStore
from tests.actors.talk import Talk

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)


class Counting:
    """A model that uses a hundred tokens a call and remembers how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Finished]:
        self.asked += 1
        yield TextDelta("answer")
        yield Finished("end", Usage(60, 40, 0.5, 0.2, 0.3))


class Paying:
    def __init__(self, folder: Path) -> None:
        self.talk = Talk(folder)
        self.model = Counting()
        self.talk.models.add("script", self.model)  # type: ignore[arg-type]
        self.talk.give_agent(model="script/model", config={"max_tokens": 100})

    def start(self, *budgets: Budget) -> None:
        self.talk.config = ConfigData(budgets=budgets)
        self.talk.start(guards=(Later(self.talk),), now=utc_now)
        self.ledger = Ledger(UsageStore(self.talk.store), SettingsStore(self.talk.store), utc_now)
        self.talk.system.spawn(Budgets, "budgets", ledger=self.ledger)
        Later.guard = BudgetGuard(self.talk.system, self.ledger)

    async def states(self) -> tuple[BudgetState, ...]:
        return await self.talk.system.ask("budgets", ListBudgets())


class Later(BudgetGuard):
    """The guard is made after the system that it asks."""

    guard: BudgetGuard

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def before_model(self, ask):  # type: ignore[no-untyped-def]
        await self.guard.before_model(ask)

    def after_model(self, ask, call):  # type: ignore[no-untyped-def]
        self.guard.after_model(ask, call)

    def turn_kept(self, turn_id: str) -> None:
        self.guard.turn_kept(turn_id)


@pytest.fixture
async def paying(tmp_path: Path) -> AsyncIterator[Paying]:
    made = Paying(tmp_path)
    yield made
    await made.talk.stop()


async def test_a_session_spends_what_it_may_and_no_more_until_it_is_resumed(paying: Paying) -> None:
    paying.start(Budget("session", tokens=300))
    key, other = await paying.talk.session(), await paying.talk.session()
    assert (await paying.talk.send(key, "one")).content == "answer"
    assert (await paying.talk.send(key, "two")).content == "answer"
    [state] = await paying.states()
    assert (state.spent_tokens, state.state, state.reserved_tokens) == (200, "ok", 0)
    refused = await paying.talk.send(key, "three")
    assert refused.content.startswith(f"[stopped here: the budget of the session {key} does not reach: ")
    assert "200 of 300 tokens are spent" in refused.content
    assert (await paying.talk.story(key)).reason == "budget_reached"
    assert paying.model.asked == 2
    [state] = await paying.states()
    assert state.state == "paused"
    assert (await paying.talk.send(other, "one")).content == "answer"
    resumed = await paying.talk.system.ask("budgets", ResumeBudget("session", key))
    assert (resumed.spent_tokens, resumed.state) == (0, "ok")
    assert (await paying.talk.send(key, "four")).content == "answer"


async def test_what_was_spent_and_resumed_is_known_after_a_restart(paying: Paying) -> None:
    limit = Budget("day", tokens=400)
    paying.start(limit)
    key = await paying.talk.session()
    await paying.talk.send(key, "one")
    await paying.talk.stop()
    paying.start(limit)
    [state] = await paying.states()
    assert state.spent_tokens == 100
    await paying.talk.send(key, "two")
    [state] = await paying.states()
    assert state.spent_tokens == 200
    await paying.talk.system.ask("budgets", ResumeBudget("day"))
    await paying.talk.stop()
    paying.start(limit)
    [state] = await paying.states()
    assert state.spent_tokens == 0


async def test_turns_that_are_on_the_disk_are_not_remembered(paying: Paying) -> None:
    paying.start()
    key = await paying.talk.session()
    for _ in range(5):
        await paying.talk.send(key, "more")
    assert all(not held for name, held in vars(paying.ledger).items() if name in ("_recent", "_taken_from"))
    assert (await paying.ledger.spent(Purse("session", key))).tokens == 500


def a_ledger(stored: dict[Purse, int], now: list[datetime], resumed: dict[str, datetime]) -> Ledger:
    """On a store that knows so many tokens of each purse, and when it was resumed."""

    class Store:
        async def spent(self, scope: BudgetScope, id: str, since: datetime, until: datetime) -> Usage:
            return Usage(stored.get(Purse(scope, id), 0))

        async def get(self, key: str, kind: type) -> dict[str, datetime]:
            return resumed

    store: Any = Store()
    return Ledger(store, store, lambda: now[0])


async def test_a_call_counts_once_before_and_after_its_turn_is_on_the_disk() -> None:
    purse, stored, now = Purse("session", "a"), {Purse("session", "a"): 100}, [AT]
    ledger = a_ledger(stored, now, {})
    ledger.add((purse,), Usage(10), AT, "turn-1")
    ledger.add((purse,), Usage(5), AT, "turn-2")
    ledger.turn_kept("turn-1")
    assert (await ledger.spent(purse)).tokens == 115
    ledger.turn_kept("turn-2")
    assert (await ledger.spent(purse)).tokens == 115
    stored[purse] = 115
    assert (await a_ledger(stored, now, {}).spent(purse)).tokens == 115


async def test_a_new_day_and_a_resumption_begin_at_nothing() -> None:
    day, session = Purse("day", ""), Purse("session", "a")
    now = [AT]
    ledger = a_ledger({}, now, {"session:a": AT - timedelta(hours=1)})
    ledger.add((day, session), Usage(10), AT, "turn-1")
    assert (await ledger.spent(day)).tokens == (await ledger.spent(session)).tokens == 10
    now[0] = AT + timedelta(days=1)
    assert (await ledger.spent(day)).tokens == 0
    ledger.add((day, session), Usage(3), now[0], "turn-1")
    assert (await ledger.spent(day)).tokens == 3
    assert (await ledger.spent(session)).tokens == 13


async def test_who_reads_side_by_side_reserves_side_by_side() -> None:
    ledger = a_ledger({}, [AT], {})
    first, second = await asyncio.gather(*(ledger.spent(Purse("day", "")) for _ in range(2)))
    assert first is second


async def test_somebody_is_told_when_a_limit_is_near_and_when_it_is_reached(paying: Paying) -> None:
    paying.start(Budget("agent", tokens=240))
    key = await paying.talk.session()

    def told() -> list[str]:
        return [event.budget.state for event in paying.talk.events if isinstance(event, BudgetChanged)]

    await paying.talk.send(key, "one")
    await paying.states()
    assert told() == []
    await paying.talk.send(key, "two")
    await paying.talk.until(lambda: told() == ["warning"])
    for _ in range(2):
        await paying.talk.send(key, "more")
    await paying.talk.until(lambda: told() == ["warning", "paused"])


async def test_a_call_alone_may_be_too_much(paying: Paying) -> None:
    paying.start(Budget("call", tokens=50))
    answer = await paying.talk.send(await paying.talk.session(), "one")
    assert "the budget of the call does not reach" in answer.content
    assert paying.model.asked == 0


async def test_only_what_has_a_budget_is_resumed(paying: Paying) -> None:
    paying.start(Budget("session", id="sess-1", tokens=1000))
    with pytest.raises(NotFound, match="no budget of the session sess-2"):
        await paying.talk.system.ask("budgets", ResumeBudget("session", "sess-2"))


def test_dollars_nobody_knows_are_not_free() -> None:
    spent, budget = Spent(AT), Budget("day", usd=1.0)
    assert "nobody knows what the model costs" in spent.refusal(budget, Wanted(10, None))
    assert spent.refusal(budget, Wanted(10, 0.9)) == ""
    spent.add(Usage(1, 1, 0.5))
    spent.reserve(Wanted(10, 0.3))
    assert "$0.5000 of $1.00 are spent and $0.3000 reserved" in spent.refusal(budget, Wanted(10, 0.25))
    spent.reserve(Wanted(10, 0.3), -1)
    assert spent.refusal(budget, Wanted(10, 0.25)) == ""
    assert spent.share(budget) == 0.5


def test_a_limit_holds_for_its_own() -> None:
    purses = (Purse("session", "a"), Purse("agent", "b"), Purse("day", ""))
    every, own, other = (
        Budget("session", tokens=1),
        Budget("session", "a", tokens=1),
        Budget("agent", "x", tokens=1),
    )
    assert [budget for budget, _ in applying((every, own, other), purses)] == [every, own]
