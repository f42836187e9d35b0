"""`clawft chat`: a conversation in the terminal."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import click
import msgspec

from clawft.cli.approvals import described
from clawft.cli.show import printable
from clawft.client import DEFAULT_URL, NOBODY, Client
from clawft.domain.agents import DEFAULT_AGENT
from clawft.domain.approvals import Approval
from clawft.errors import ClawftError
from clawft.host import Agent
from clawft.messages.approvals import Decide
from clawft.messages.sessions import GetSession, StopSession
from clawft.wire import Unreachable

HELP = "/quit ends, /new begins a new session, /help says this; Ctrl-C stops an answer."


@click.command()
@click.option("--agent", default=DEFAULT_AGENT, show_default=True, help="Who answers in a new session.")
@click.option("--session", help="Go on in this session instead.")
@click.option(
    "--url", envvar="CLAWFT_URL", default=DEFAULT_URL, show_default=True, help="The host's address."
)
@click.option(
    "--token", envvar="CLAWFT_TOKEN", help="A token; without one, one is minted on the same machine."
)
def chat(agent: str, session: str | None, url: str, token: str | None) -> None:
    """Talk to an agent. Answers appear as they are made; Ctrl-C stops one, /quit ends."""
    # A runner of our own: between two turns nothing runs, so waiting for the keyboard blocks nobody.
    with asyncio.Runner() as runner:
        client = runner.run(open_client(url, token))
        try:
            talk(runner, Conversation(client, agent, session))
        finally:
            runner.run(client.close())


async def open_client(url: str, token: str | None) -> Client:
    return Client(url, token=token)


class Conversation:
    """One session, and the agent that answers in it."""

    def __init__(self, client: Client, agent: str, session: str | None) -> None:
        self._client = client
        self._agent_id = agent
        self._session = session
        self._agent: Agent | None = None

    async def open(self) -> str:
        """Make the session, or find the one asked for. Returns a line that says where we are."""
        if self._session:
            self._agent_id = (await self._client.ask(GetSession(self._session))).agent_id
        self._agent = Agent(self._client, self._agent_id, session=self._session)
        return f"{self._agent_id} in session {await self._agent.session()}; {HELP}"

    async def begin_anew(self) -> str:
        self._session = None
        return await self.open()

    async def say(self, text: str) -> None:
        assert self._agent
        async with self._client.frames("approval:update") as frames:
            asking = asyncio.ensure_future(self._ask_for_leave(frames))
            try:
                async for piece in self._agent.stream(text):
                    click.echo(printable(piece), nl=False)
            finally:
                asking.cancel()
        click.echo()

    async def _ask_for_leave(self, frames: AsyncIterator[dict[str, Any]]) -> None:
        """Calls of this conversation that wait for a person are asked about here, if one is here."""
        assert self._agent
        key = await self._agent.session()
        async for frame in frames:
            approval = msgspec.convert(frame.get("data"), Approval)
            if approval.session_key != key or approval.state != "open":
                continue
            note(f"\n{described(approval)}")
            if not sys.stdin.isatty():
                note(f"it waits: clawft approvals approve {approval.id}, or deny")
                continue
            said = await asyncio.to_thread(input, "may it be called? [y/N] ")
            decision: Literal["approve", "deny"] = (
                "approve" if said.strip().lower() in ("y", "yes") else "deny"
            )
            try:
                await self._client.ask(Decide(approval.id, decision, NOBODY))
            except ClawftError as error:
                note(str(error))

    async def stop(self) -> None:
        assert self._agent
        await self._client.ask(StopSession(await self._agent.session()))


def talk(runner: asyncio.Runner, conversation: Conversation) -> None:
    note(runner.run(conversation.open()))
    for line in lines():
        if line in ("/quit", "/exit"):
            return
        if line == "/help":
            note(HELP)
        elif line == "/new":
            note(runner.run(conversation.begin_anew()))
        else:
            take_turn(runner, conversation, line)


def take_turn(runner: asyncio.Runner, conversation: Conversation, line: str) -> None:
    try:
        runner.run(conversation.say(line))
    except KeyboardInterrupt:
        runner.run(conversation.stop())
        note("\nstopped")
    except Unreachable:
        raise
    except ClawftError as error:
        note(f"{error}")


def lines() -> Iterator[str]:
    """What is typed, or piped in, without empty lines; ends with the input, or with Ctrl-C at the prompt."""
    at_terminal = sys.stdin.isatty()
    if at_terminal:
        import readline  # noqa: F401 - gives input() history and editing
    while True:
        try:
            line = input("> " if at_terminal else "").strip()
        except (EOFError, KeyboardInterrupt):
            return
        if line:
            yield line


def note(text: str) -> None:
    """Something that is not part of the conversation."""
    click.secho(text, dim=True, err=True)
