"""`clawft budgets`: what may be spent, and what was."""

from typing import get_args

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.domain.budgets import BudgetScope
from clawft.messages.budgets import ListBudgets, ResumeBudget

COLUMNS = ("scope", "id", "state", "share", "spent_usd", "usd", "spent_tokens", "tokens", "since")


@click.group()
def budgets() -> None:
    """What may be spent, and what was. Limits are set in the config, as `budgets`."""


@budgets.command("list")
@asks_host
async def list_budgets(host: Client, show: Show) -> None:
    """Every limit, the nearest to its end first."""
    show.rows(await host.ask(ListBudgets()), *COLUMNS, empty="no budgets are set")


@budgets.command("resume")
@click.argument("scope", type=click.Choice(get_args(BudgetScope)))
@click.argument("id", default="")
@asks_host
async def resume(host: Client, show: Show, scope: BudgetScope, id: str) -> None:
    """Let a session, an agent, a job or the host (day) spend its limit once more."""
    state = await host.ask(ResumeBudget(scope, id))
    show.done(state, f"counted anew since {state.since}")
