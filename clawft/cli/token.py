"""`clawft token`: who may call, and for how long."""

import click
from msgspec import UNSET

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import NOBODY, Client
from clawft.domain.tokens import SCOPES, Scope
from clawft.messages.tokens import ListTokens, MintToken, RevokeToken


@click.group()
def token() -> None:
    """Who may call, and for how long."""


@token.command("create")
@click.option(
    "--scope", "scopes", type=click.Choice(SCOPES), multiple=True, help="May be given several times."
)
@click.option("--hours", type=click.FloatRange(min=0.001), help="How long it is good for; 24 if not given.")
@click.option("--name", default="", help="What it is for.")
@asks_host
async def create(host: Client, show: Show, scopes: tuple[Scope, ...], hours: float | None, name: str) -> None:
    """Make a token and print it; it is shown this once."""
    order = MintToken(
        caller=NOBODY,
        scopes=scopes or UNSET,
        ttl=UNSET if hours is None else max(1, round(hours * 3600)),
        name=name,
    )
    minted = await host.mint(order)
    show.done(minted, minted.token)


@token.command("list")
@asks_host
async def list_tokens(host: Client, show: Show) -> None:
    """Every token that is still good."""
    columns = ("id", "label", "scopes", "origin", "created_at", "expires_at", "last_used")
    show.rows(await host.ask(ListTokens()), *columns, empty="no tokens")


@token.command("revoke")
@click.argument("id")
@asks_host
async def revoke(host: Client, show: Show, id: str) -> None:
    """End a token by its id, as `clawft token list` shows it."""
    show.done(await host.ask(RevokeToken(id)), f"{id} is revoked")
