"""`clawft skills`: instructions agents may read."""

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.messages.skills import InstallSkill, ListSkills, RemoveSkill, SearchRegistry


@click.group()
def skills() -> None:
    """Instructions agents may read when they need them."""


@skills.command("list")
@asks_host
async def list_skills(host: Client, show: Show) -> None:
    """Every installed skill."""
    found = await host.ask(ListSkills())
    show.rows(found, "name", "version", "description", "author", "enabled", empty="no skills are installed")


@skills.command("search")
@click.argument("words", default="")
@asks_host
async def search(host: Client, show: Show, words: str) -> None:
    """Skills of the registry; without WORDS, all."""
    found = await host.ask(SearchRegistry(words))
    show.rows(
        found, "id", "name", "version", "description", "signed", empty="the registry has none like that"
    )


@skills.command("install")
@click.argument("id")
@asks_host
async def install(host: Client, show: Show, id: str) -> None:
    """Fetch a skill from the registry, check and unpack it."""
    show.done(await host.ask(InstallSkill(id)), f"{id} is installed")


@skills.command("rm")
@click.argument("name")
@asks_host
async def remove(host: Client, show: Show, name: str) -> None:
    """Remove an installed skill."""
    show.done(await host.ask(RemoveSkill(name)), f"{name} is removed")
