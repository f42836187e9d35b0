"""`clawft actors` and `clawft dead-letters`: what lives in a host, and what got lost on the way."""

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.messages.actors import ListActors, ListDeadLetters, ResendDeadLetter, RestartActor


@click.group()
def actors() -> None:
    """Every actor of a host, live."""


@actors.command("list")
@asks_host
async def list_actors(host: Client, show: Show) -> None:
    """Every actor, parents before children."""
    columns = ("path", "kind", "state", "mailbox_depth", "handled", "failed", "restarts")
    show.rows(await host.ask(ListActors()), *columns, empty="nothing lives here")


@actors.command("restart")
@click.argument("path")
@asks_host
async def restart(host: Client, show: Show, path: str) -> None:
    """Begin an actor anew; what waits in its mailbox is kept."""
    show.done(await host.ask(RestartActor(path)), f"{path} begins anew")


@click.group("dead-letters")
def dead_letters() -> None:
    """The messages that no one handled."""


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@asks_host
async def list_dead_letters(host: Client, show: Show, limit: int) -> None:
    """The newest dead letters."""
    page = await host.ask(ListDeadLetters(limit))
    if show.as_json:
        show.json(page)
    else:
        show.rows(page.items, "id", "time", "path", "message", "why", empty="no dead letters")


@dead_letters.command("resend")
@click.argument("id", type=int)
@asks_host
async def resend(host: Client, show: Show, id: int) -> None:
    """Send a dead letter to the same address again."""
    show.done(await host.ask(ResendDeadLetter(id)), f"{id} is sent again")
