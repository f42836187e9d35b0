"""`clawft outbox`: what is to be delivered, and what became of it."""

from typing import get_args

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.domain.deliveries import DeliveryState
from clawft.messages.outbox import GetSigningKey, ListDeliveries, ResendDelivery


@click.group()
def outbox() -> None:
    """What is to be delivered, and what became of it."""


@outbox.command("list")
@click.option("--state", type=click.Choice(get_args(DeliveryState)), help="Only those in this state.")
@click.option("--limit", default=50, show_default=True, help="How many to show.")
@asks_host
async def list_deliveries(host: Client, show: Show, state: DeliveryState | None, limit: int) -> None:
    """Deliveries, newest first."""
    page = await host.ask(ListDeliveries(state, limit))
    if show.as_json:
        show.json(page)
        return
    columns = ("id", "channel", "to", "state", "attempts", "updated_at", "next_attempt", "detail")
    show.rows(page.items, *columns, empty="nothing to deliver")


@outbox.command("resend")
@click.argument("id")
@asks_host
async def resend(host: Client, show: Show, id: str) -> None:
    """Send again what failed or is unknown. The receiver may get it twice, under the same id."""
    show.done(await host.ask(ResendDelivery(id)), f"{id} is sent again")


@outbox.command("key")
@click.argument("channel")
@asks_host
async def key(host: Client, show: Show, channel: str) -> None:
    """The key with which webhooks of CHANNEL are signed, for whoever receives them."""
    found = await host.ask(GetSigningKey(channel))
    show.done(found, found.key)
