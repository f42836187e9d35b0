"""Budgets: the guard that asks whether a call can be paid, and the one who tells what is left."""

import asyncio
import logging
from datetime import UTC, datetime

import msgspec

from clawft.actors.guards import Guard, LimitReached, ModelAsk
from clawft.actors.ledger import Ledger
from clawft.actors.publish import publish
from clawft.domain.budgets import (
    WARN_AT,
    Budget,
    BudgetState,
    Purse,
    Spent,
    Wanted,
    applying,
    state_of,
)
from clawft.domain.context import estimate_tokens, size
from clawft.domain.costs import Usage
from clawft.domain.events import BudgetChanged
from clawft.domain.keys import DEFAULT_BASES
from clawft.domain.turns import ModelCall
from clawft.domain.values import UnsetType
from clawft.drivers.models.prices import Price, price_at
from clawft.errors import NotFound
from clawft.messages.budgets import ListBudgets, ResumeBudget
from clawft.messages.config import GetConfig
from clawft.runtime import Actor, System, Tell, on

log = logging.getLogger(__name__)

MOST_SHOWN = 500


class Reached(Tell, frozen=True):
    """A limit has turned a call away."""

    state: BudgetState


class Paid(Tell, frozen=True):
    """These have just paid for a call."""

    purses: tuple[Purse, ...]


class BudgetGuard(Guard):
    """Asks before each call, with room for its longest answer: calls side by side cannot overshoot."""

    def __init__(self, system: System, ledger: Ledger) -> None:
        self._system = system
        self._ledger = ledger
        self._prices: dict[tuple[str, str], Price] = {}
        self._under_way: dict[int, tuple[tuple[Spent, ...], Wanted]] = {}

    async def before_model(self, ask: ModelAsk) -> None:
        config = await self._system.ask("config", GetConfig())
        holding = applying(config.budgets, purses_of(ask))
        if not holding:
            return
        wanted = await self._wanted(ask, holding)
        taken = []
        for budget, purse in holding:
            spent = Spent(datetime.min) if purse.scope == "call" else await self._ledger.spent(purse)
            if why := spent.refusal(budget, wanted):
                self._refuse(budget, purse, spent, why)
            taken.append(spent)
        # Nothing was awaited since the last look at those that others may have changed meanwhile.
        for (budget, purse), spent in zip(holding, taken, strict=True):
            if purse.scope != "call" and (why := spent.refusal(budget, wanted)):
                self._refuse(budget, purse, spent, why)
        purses = tuple({id(spent): spent for spent in taken}.values())
        for spent in purses:
            spent.reserve(wanted)
        self._under_way[id(ask)] = purses, wanted

    def _refuse(self, budget: Budget, purse: Purse, spent: Spent, why: str) -> None:
        if purse.scope != "call" and self._ledger.refuse(budget, purse):
            self._system.tell("budgets", Reached(state_of(budget, purse, spent, paused=True)))
        whose = f"{purse.scope} {purse.id}".strip()
        words = f"stopped here: the budget of the {whose} does not reach: {why}"
        raise LimitReached("budget_reached", words)

    async def _wanted(self, ask: ModelAsk, holding: list[tuple[Budget, Purse]]) -> Wanted:
        request = ask.request
        shown = sum(map(size, request.messages)) + _described(ask)
        most = Usage(shown, request.max_tokens, estimated=True)
        tokens = shown + request.max_tokens
        if all(isinstance(budget.usd, UnsetType) for budget, _ in holding):
            return Wanted(tokens, 0.0)
        priced = (await self._price(ask.provider))(ask.model, most, 0)
        return Wanted(tokens, None if priced.unpriced else priced.cost_usd)

    async def _price(self, provider: str) -> Price:
        config = await self._system.ask("config", GetConfig())
        entry = config.providers.get(provider)
        base = (entry.api_base if entry else "") or DEFAULT_BASES.get(provider, "http://localhost")
        has_key = bool(entry and entry.api_key_set) or base == DEFAULT_BASES.get(provider)
        key = (provider, f"{base} {has_key}")
        if key not in self._prices:
            self._prices[key] = await asyncio.to_thread(price_at, provider, base, with_key=has_key)
        return self._prices[key]

    def after_model(self, ask: ModelAsk, call: ModelCall) -> None:
        purses, wanted = self._under_way.pop(id(ask), ((), Wanted(0, 0.0)))
        for spent in purses:
            spent.reserve(wanted, -1)
        mine = purses_of(ask)
        self._ledger.add(mine, call.usage, call.at, ask.whose.turn_id)
        if purses:
            self._system.tell("budgets", Paid(mine))

    def turn_kept(self, turn_id: str) -> None:
        self._ledger.turn_kept(turn_id)


def purses_of(ask: ModelAsk) -> tuple[Purse, ...]:
    """Whose money a call takes. A job speaks in a session that is called as it is."""
    whose = ask.whose
    session = whose.session
    job = (Purse("job", session.key),) if session.key.startswith("cron-") else ()
    return (
        Purse("call", ""),
        Purse("turn", whose.request_id or whose.turn_id),
        Purse("session", session.key),
        Purse("agent", session.agent_id),
        *job,
        Purse("day", ""),
    )


def _described(ask: ModelAsk) -> int:
    """About how many tokens the tools take."""
    return estimate_tokens(msgspec.json.encode(ask.request.tools).decode()) if ask.request.tools else 0


class Budgets(Actor):
    """Tells what was spent, warns when a limit is near, and resumes."""

    mailbox_limit = 10_000

    def __init__(self, *, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    @on(ListBudgets)
    async def list(self, _: ListBudgets) -> tuple[BudgetState, ...]:
        config = await self.ask("config", GetConfig())
        held = [(budget, purse) for budget in config.budgets for purse in self._purses(budget)]
        states = [await self._state(budget, purse) for budget, purse in held]
        return tuple(sorted(states, key=lambda state: -state.share)[:MOST_SHOWN])

    def _purses(self, budget: Budget) -> set[Purse]:
        if budget.scope in ("call", "day") or budget.id:
            return {Purse(budget.scope, budget.id)}
        return {purse for purse in self._ledger.known() if purse.scope == budget.scope}

    async def _state(self, budget: Budget, purse: Purse) -> BudgetState:
        spent = Spent(datetime.now(UTC)) if purse.scope == "call" else await self._ledger.spent(purse)
        return state_of(budget, purse, spent, self._ledger.has_refused(budget, purse))

    @on(ResumeBudget)
    async def resume(self, ask: ResumeBudget) -> BudgetState:
        purse = Purse(ask.scope, ask.id)
        config = await self.ask("config", GetConfig())
        holding = [budget for budget, _ in applying(config.budgets, (purse,))]
        if not holding or ask.scope in ("call", "turn"):
            whose = f"{ask.scope} {ask.id[:100]}".rstrip()
            raise NotFound(f"there is no budget of the {whose} to be resumed")
        spent = await self._ledger.resume(purse)
        state = state_of(holding[0], purse, spent, paused=False)
        publish(self, BudgetChanged(state))
        return state

    @on(Paid)
    async def paid(self, note: Paid) -> None:
        config = await self.ask("config", GetConfig())
        for budget, purse in applying(config.budgets, note.purses):
            if purse.scope == "call":
                continue
            spent = await self._ledger.spent(purse)
            if spent.share(budget) >= WARN_AT and budget not in spent.warned:
                spent.warned.add(budget)
                publish(self, BudgetChanged(state_of(budget, purse, spent, paused=False)))

    @on(Reached)
    def reached(self, note: Reached) -> None:
        publish(self, BudgetChanged(note.state))
