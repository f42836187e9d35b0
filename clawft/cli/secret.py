"""`clawft secret`: the keys of model providers."""

import sys

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.messages.config import ListKeys, PutKey, RemoveKey


@click.group()
def secret() -> None:
    """The keys of model providers. They are never shown."""


@secret.command("set")
@click.argument("provider")
@asks_host
async def set_key(host: Client, show: Show, provider: str) -> None:
    """Keep the key of PROVIDER: asked for on a terminal, else read from standard input.

    It is sent only to the address that the provider has in the config now.
    """
    key = click.prompt(f"key of {provider}", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
    show.done(await host.ask(PutKey(provider, key.strip())), f"the key of {provider} is kept")


@secret.command("list")
@asks_host
async def list_keys(host: Client, show: Show) -> None:
    """Which providers there are keys of, and where each may be sent."""
    show.rows(await host.ask(ListKeys()), "provider", "origin", "source", empty="no keys")


@secret.command("rm")
@click.argument("provider")
@asks_host
async def remove(host: Client, show: Show, provider: str) -> None:
    """Forget the key of PROVIDER."""
    show.done(await host.ask(RemoveKey(provider)), f"the key of {provider} is forgotten")
