"""Budgets: how much may be spent, by whom and in which time, and how much is left. Time is passed in."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from clawft.domain.costs import Usage
from clawft.domain.values import UNSET, UnsetType, Value

BudgetScope = Literal["call", "turn", "session", "agent", "job", "day"]
"""What a limit is for: one call of a model; a message with all that was done and handed on for it; a session;
an agent, a cron job or the whole host, each for a day of UTC."""

DAILY: frozenset[BudgetScope] = frozenset(("agent", "job", "day"))
WARN_AT = 0.8
"""The share of a limit at which somebody is told."""


class Budget(Value, frozen=True, forbid_unknown_fields=True):
    """A limit. With an ``id`` for that one alone, else for each of its kind; at least one limit is given."""

    scope: BudgetScope
    id: Annotated[str, Meta(max_length=200)] = ""
    usd: Annotated[float, Meta(gt=0, le=1e9)] | UnsetType = UNSET
    tokens: Annotated[int, Meta(gt=0, le=10**15)] | UnsetType = UNSET


class BudgetState(Value, frozen=True):
    """A limit and what was spent of it. ``paused``: no call is made before somebody resumes it."""

    scope: BudgetScope
    id: str
    spent_usd: float
    spent_tokens: int
    reserved_usd: float
    """By calls that are under way."""
    reserved_tokens: int
    share: float
    state: Literal["ok", "warning", "paused"]
    usd: float | UnsetType = UNSET
    tokens: int | UnsetType = UNSET
    since: datetime | UnsetType = UNSET
    unpriced: bool = False
    """Some of it was done by a model whose price nobody knows, and is not in ``spent_usd``."""


class Purse(NamedTuple):
    """Whose money it is."""

    scope: BudgetScope
    id: str


class Wanted(NamedTuple):
    """What a call may come to at the most. ``usd`` None: nobody knows."""

    tokens: int
    usd: float | None


@dataclass
class Spent:
    """What one purse has given out since ``since``."""

    since: datetime
    usd: float = 0.0
    tokens: int = 0
    unpriced: bool = False
    reserved_usd: float = 0.0
    reserved_tokens: int = 0
    warned: set[Budget] = field(default_factory=set)

    def add(self, usage: Usage) -> None:
        self.usd += usage.cost_usd
        self.tokens += usage.input_tokens + usage.output_tokens
        self.unpriced |= usage.unpriced

    def reserve(self, wanted: Wanted, sign: int = 1) -> None:
        self.reserved_tokens += sign * wanted.tokens
        self.reserved_usd += sign * (wanted.usd or 0.0)

    def share(self, budget: Budget) -> float:
        """Of the limit that is nearest."""
        shares = [0.0]
        if not isinstance(budget.usd, UnsetType):
            shares.append(self.usd / budget.usd)
        if not isinstance(budget.tokens, UnsetType):
            shares.append(self.tokens / budget.tokens)
        return max(shares)

    def refusal(self, budget: Budget, wanted: Wanted) -> str:
        """Why a call may not be made; empty: it may."""
        if not isinstance(budget.tokens, UnsetType):
            left = budget.tokens - self.tokens - self.reserved_tokens
            if wanted.tokens > left:
                return (
                    f"{self.tokens:,} of {budget.tokens:,} tokens are spent"
                    f"{_reserved(f'{self.reserved_tokens:,}' if self.reserved_tokens else '')}, "
                    f"and the call may take {wanted.tokens:,}"
                )
        if not isinstance(budget.usd, UnsetType):
            if wanted.usd is None:
                return f"it is ${budget.usd:.2f}, and nobody knows what the model costs"
            if wanted.usd > budget.usd - self.usd - self.reserved_usd:
                return (
                    f"${self.usd:.4f} of ${budget.usd:.2f} are spent"
                    f"{_reserved(f'${self.reserved_usd:.4f}' if self.reserved_usd else '')}, "
                    f"and the call may cost ${wanted.usd:.4f}"
                )
        return ""


def _reserved(amount: str) -> str:
    return f" and {amount} reserved" if amount else ""


def day_of(moment: datetime) -> datetime:
    """When the day began, in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def applying(budgets: Iterable[Budget], purses: Iterable[Purse]) -> list[tuple[Budget, Purse]]:
    """Each limit that holds for one of these, with whom it holds for."""
    mine = tuple(purses)
    return [
        (budget, purse)
        for budget in budgets
        for purse in mine
        if purse.scope == budget.scope and budget.id in ("", purse.id)
    ]


def state_of(budget: Budget, purse: Purse, spent: Spent, paused: bool) -> BudgetState:
    share = spent.share(budget)
    return BudgetState(
        scope=budget.scope,
        id=purse.id,
        spent_usd=round(spent.usd, 6),
        spent_tokens=spent.tokens,
        reserved_usd=round(spent.reserved_usd, 6),
        reserved_tokens=spent.reserved_tokens,
        share=round(share, 4),
        state="paused" if paused or share >= 1 else "warning" if share >= WARN_AT else "ok",
        usd=budget.usd,
        tokens=budget.tokens,
        since=spent.since,
        unpriced=spent.unpriced,
    )
