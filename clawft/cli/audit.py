"""`clawft audit`: who did what."""

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.errors import Conflict
from clawft.messages.audit import ListAudit, VerifyAudit


@click.group()
def audit() -> None:
    """Who did what."""


@audit.command("list")
@click.option("--limit", default=50, show_default=True, help="How many to show.")
@asks_host
async def list_audit(host: Client, show: Show, limit: int) -> None:
    """The log, newest first."""
    page = await host.ask(ListAudit(limit))
    show.rows(page.items, "seq", "at", "actor", "peer", "action", empty="nothing was done yet")


@audit.command("verify")
@asks_host
async def verify(host: Client, show: Show) -> None:
    """Follow the chain from the first entry to the last. Fails when it is broken."""
    report = await host.ask(VerifyAudit())
    if not report.ok:
        raise Conflict(f"the audit log is not whole: {report.trouble}")
    show.done(report, f"{report.entries} entries, whole; the newest is {report.head}")
