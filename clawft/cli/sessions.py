"""`clawft sessions`: conversations and what was said in them."""

import click

from clawft.cli.command import asks_host, confirm, yes_option
from clawft.cli.show import Show, printable
from clawft.client import Client
from clawft.domain.agents import DEFAULT_AGENT
from clawft.domain.sessions import ChatMessage
from clawft.messages.sessions import (
    CreateSession,
    DeleteSession,
    ExportSession,
    GetSession,
    ListSessions,
    SendMessage,
    StopSession,
)


@click.group()
def sessions() -> None:
    """Conversations and what was said in them."""


@sessions.command("list")
@asks_host
async def list_sessions(host: Client, show: Show) -> None:
    """Every session, most recently used first."""
    found = await host.ask(ListSessions())
    show.rows(found, "key", "agent_id", "message_count", "updated_at", empty="no sessions")


@sessions.command("new")
@click.option("--agent", default=DEFAULT_AGENT, show_default=True, help="Who answers.")
@asks_host
async def new_session(host: Client, show: Show, agent: str) -> None:
    """Make a session; its key is printed."""
    made = await host.ask(CreateSession(agent))
    show.done(made, made.key)


@sessions.command("show")
@click.argument("key")
@asks_host
async def show_session(host: Client, show: Show, key: str) -> None:
    """Read a session."""
    session = await host.ask(GetSession(key))
    if show.as_json:
        show.json(session)
        return
    for message in session.messages:
        print_message(message)


@sessions.command("export")
@click.argument("key")
@asks_host
async def export_session(host: Client, show: Show, key: str) -> None:
    """Print every message of a session as JSON."""
    show.json(await host.ask(ExportSession(key)))


@sessions.command("send")
@click.argument("key")
@click.argument("content")
@asks_host
async def send(host: Client, show: Show, key: str, content: str) -> None:
    """Say something in a session and print the answer."""
    answer = await host.ask(SendMessage(key, content))
    show.done(answer, printable(answer.content))


@sessions.command("stop")
@click.argument("key")
@asks_host
async def stop_session(host: Client, show: Show, key: str) -> None:
    """Cancel what a session is doing; it lives on."""
    stopped = await host.ask(StopSession(key))
    show.done(stopped, f"{len(stopped.stopped)} turns stopped")


@sessions.command("delete")
@click.argument("key")
@yes_option
@asks_host
async def delete_session(host: Client, show: Show, key: str, yes: bool) -> None:
    """Stop a session's work and forget it."""
    confirm(f"Forget session {key} and everything said in it?", yes)
    show.done(await host.ask(DeleteSession(key)), f"{key} is gone")


def print_message(message: ChatMessage) -> None:
    """One message, headed by who said it and when."""
    click.secho(f"{message.role}  {message.timestamp:%Y-%m-%d %H:%M:%S}", bold=True)
    click.echo(printable(message.content))
    for call in message.tool_calls or ():
        click.secho(printable(f"  called {call.name} {call.arguments}"), dim=True)
    click.echo()
