"""What can be asked of the budgets."""

from typing import Annotated

from msgspec import Meta

from clawft.domain.budgets import BudgetScope, BudgetState
from clawft.runtime import Ask


class ListBudgets(Ask[tuple[BudgetState, ...]], frozen=True):
    """Every limit of the config with what was spent of it; the nearest to its end first."""


class ResumeBudget(Ask[BudgetState], frozen=True):
    """Let a session, an agent, a job or the host spend its limit once more, counted from now on."""

    scope: BudgetScope
    id: Annotated[str, Meta(max_length=200)] = ""
