"""`clawft approvals`: calls that wait for a person."""

from typing import Literal, get_args

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import NOBODY, Client
from clawft.domain.approvals import Approval, ApprovalState
from clawft.messages.approvals import Decide, GetApproval, ListApprovals


@click.group()
def approvals() -> None:
    """Calls that wait for a person."""


@approvals.command("list")
@click.option(
    "--state", type=click.Choice(get_args(ApprovalState)), default=None, help="Only those in this state."
)
@click.option("--limit", default=50, show_default=True, help="How many to show.")
@asks_host
async def list_approvals(host: Client, show: Show, state: ApprovalState | None, limit: int) -> None:
    """Approvals, newest first."""
    found = await host.ask(ListApprovals(state, limit=limit))
    show.rows(found, "id", "tool", "session_key", "state", "why", "expires_at", empty="nothing waits")


@approvals.command("show")
@click.argument("id")
@asks_host
async def show_one(host: Client, show: Show, id: str) -> None:
    """One call with its arguments, as they would be used."""
    approval = await host.ask(GetApproval(id))
    show.done(approval, described(approval))


@approvals.command("approve")
@click.argument("id")
@click.option("--note", default="", help="Why.")
@asks_host
async def approve(host: Client, show: Show, id: str, note: str) -> None:
    """Let the call be made, once, exactly as shown."""
    await decide(host, show, id, "approve", note)


@approvals.command("deny")
@click.argument("id")
@click.option("--note", default="", help="Why; the model is told.")
@asks_host
async def deny(host: Client, show: Show, id: str, note: str) -> None:
    """Do not let the call be made."""
    await decide(host, show, id, "deny", note)


async def decide(
    host: Client, show: Show, id: str, decision: Literal["approve", "deny"], note: str = ""
) -> None:
    settled = await host.ask(Decide(id, decision, NOBODY, note))
    show.done(settled, f"{settled.tool} is {settled.state}")


def described(approval: Approval) -> str:
    """The call for the eyes of whoever decides: what could hide in it is shown escaped."""
    arguments = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in approval.arguments)
    return f"{approval.tool}({arguments})\n  in {approval.session_key}, because {approval.why}"
