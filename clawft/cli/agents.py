"""`clawft agents`: the agents of a host."""

import click

from clawft.cli.command import asks_host
from clawft.cli.show import Show
from clawft.client import Client
from clawft.messages.agents import GetAgent, ListAgents, StartAgent, StopAgent


@click.group()
def agents() -> None:
    """The agents of a host."""


@agents.command("list")
@asks_host
async def list_agents(host: Client, show: Show) -> None:
    """Every agent, by name."""
    found = await host.ask(ListAgents())
    show.rows(found, "id", "name", "status", "model", "created_at", empty="no agents")


@agents.command("show")
@click.argument("id")
@asks_host
async def show_agent(host: Client, show: Show, id: str) -> None:
    """One agent, whole."""
    show.card(await host.ask(GetAgent(id)))


@agents.command("start")
@click.argument("id")
@asks_host
async def start_agent(host: Client, show: Show, id: str) -> None:
    """Have an agent take messages again."""
    show.done(await host.ask(StartAgent(id)), f"{id} runs")


@agents.command("stop")
@click.argument("id")
@asks_host
async def stop_agent(host: Client, show: Show, id: str) -> None:
    """Stop an agent and the turns it is taking."""
    show.done(await host.ask(StopAgent(id)), f"{id} is stopped")
