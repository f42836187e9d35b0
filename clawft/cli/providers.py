"""`clawft providers`: who answers for models, and how each stands."""

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.messages.models import ListProviders

COLUMNS = ("name", "type", "api_base", "key", "state", "running", "waiting", "failures", "last_error")


@click.command()
@asks_host
async def providers(host: Client, show: Show) -> None:
    """Every provider that is configured, has a key or was asked. offline/rules-1 is always there."""
    empty = "none; every answer comes from offline/rules-1"
    show.rows(await host.ask(ListProviders()), *COLUMNS, empty=empty)
