"""`clawft sessions`: conversations and what was said in them."""

import click

from clawft.cli.command import asks_host, confirm, yes_option
from clawft.cli.show import Show, printable
from clawft.client import Client
from clawft.domain.agents import DEFAULT_AGENT
from clawft.domain.sessions import MODES, ChatMessage, Mode
from clawft.domain.values import UNSET
from clawft.messages.sessions import (
    CreateSession,
    DeleteSession,
    ExportSession,
    GetSession,
    GetTurn,
    ListSessions,
    ListTurns,
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
@click.option("--mode", type=click.Choice(MODES), help="What becomes of it while a turn runs.")
@asks_host
async def send(host: Client, show: Show, key: str, content: str, mode: Mode | None) -> None:
    """Say something in a session and print the answer."""
    answer = await host.ask(SendMessage(key, content, mode=mode or UNSET))
    show.done(answer, printable(answer.content))


@sessions.command("stop")
@click.argument("key")
@click.option("--after-step", is_flag=True, help="Let the running step end first.")
@asks_host
async def stop_session(host: Client, show: Show, key: str, after_step: bool) -> None:
    """Cancel what a session is doing; it lives on."""
    stopped = await host.ask(StopSession(key, "after_step" if after_step else "now"))
    said = [f"{len(stopped.stopped)} turns stopped"]
    said += [f"cut off: {halted.kind} {halted.name}" for halted in stopped.halted]
    said += [f"{id} ends after its step" for id in stopped.stopping]
    show.done(stopped, "\n".join(said))


@sessions.command("turns")
@click.argument("key")
@click.argument("turn", required=False)
@asks_host
async def show_turns(host: Client, show: Show, key: str, turn: str | None) -> None:
    """The turns of a session, or every step of one TURN."""
    if turn is None:
        found = await host.ask(ListTurns(key))
        show.rows(found, "id", "state", "reason", "created_at", "model", empty="no turns")
        return
    story = await host.ask(GetTurn(key, turn))
    if show.as_json:
        show.json(story)
        return
    show.rows(story.steps, "number", "kind", "name", "status", "started_at", "reason", empty="no steps")


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
