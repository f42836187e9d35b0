"""`clawft memory`: what is remembered, under keys."""

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.messages.memory import CreateMemory, DeleteMemory, ListMemory, SearchMemory

COLUMNS = ("key", "value", "namespace", "tags", "updated_at")


@click.group()
def memory() -> None:
    """What is remembered, under keys."""


@memory.command("list")
@click.option("--namespace", help="Only this one.")
@asks_host
async def list_memory(host: Client, show: Show, namespace: str | None) -> None:
    """Every entry, newest first."""
    show.rows(await host.ask(ListMemory(namespace)), *COLUMNS, empty="nothing is remembered")


@memory.command("search")
@click.argument("words")
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.0, help="The least similarity, 0 to 1.")
@click.option("--namespace", help="Only this one.")
@asks_host
async def search(host: Client, show: Show, words: str, threshold: float, namespace: str | None) -> None:
    """Entries like WORDS, best first."""
    found = await host.ask(SearchMemory(words, threshold, namespace=namespace))
    show.rows(found, "similarity", *COLUMNS, empty="nothing like it")


@memory.command("add")
@click.argument("key")
@click.argument("value")
@click.option("--namespace", default="default", show_default=True)
@click.option("--tag", "tags", multiple=True, help="May be given several times.")
@asks_host
async def add(host: Client, show: Show, key: str, value: str, namespace: str, tags: tuple[str, ...]) -> None:
    """Remember VALUE; the same KEY replaces what was there."""
    show.done(await host.ask(CreateMemory(key, value, namespace, tags)), f"{key} is remembered")


@memory.command("rm")
@click.argument("key")
@asks_host
async def remove(host: Client, show: Show, key: str) -> None:
    """Forget one key."""
    show.done(await host.ask(DeleteMemory(key)), f"{key} is forgotten")
