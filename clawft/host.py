"""The Python API: agents from a script, in this process or on a host that runs elsewhere."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import msgspec

from clawft.domain.agents import AgentSpec
from clawft.domain.sessions import ChatMessage
from clawft.functions import FunctionTool
from clawft.messages.agents import GetAgent, RemoveAgent, SpawnAgent, StartAgent, StopAgent
from clawft.messages.sessions import CreateSession, ExportSession, SendMessage
from clawft.runtime import Ask
from clawft.toolbox import Toolbox
from clawft.wire import Json

if TYPE_CHECKING:
    from clawft.blocking import BlockingHost

R = TypeVar("R")
Tool = str | Callable[..., Any]
"""A tool of the host by name, or a Python function: see ``Host.spawn``."""


class Link(Protocol):
    """A way to a host: over HTTP, or in this process."""

    @property
    def url(self) -> str: ...
    async def ask(self, message: Ask[R]) -> R: ...
    def frames(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Json]]: ...
    async def close(self) -> None: ...


class Event(msgspec.Struct, frozen=True):
    """Something that happened on a topic. ``seq`` grows by one per topic, where the topic is numbered."""

    topic: str
    data: Any
    seq: int | None = None
    timestamp: str | None = None


class Host:
    """A host to run agents on.

    ``Host()`` starts one in this process on a temporary folder, ``Host(data_dir=…)`` on a folder that stays;
    ``Host(url=…)`` uses one that runs. ``async with`` gives this class; plain ``with`` gives the same for
    code without a loop: every method waits for its result.
    """

    def __init__(
        self, *, url: str | None = None, token: str | None = None, data_dir: Path | str | None = None
    ) -> None:
        if url and data_dir:
            raise ValueError(
                "url is for a host that runs, data_dir for one in this process: give one of them"
            )
        self._url, self._token = url, token
        self._data_dir = Path(data_dir) if data_dir else None
        self._opened: Link | None = None
        self._toolbox: Toolbox | None = None
        self._blocking: BlockingHost | None = None

    async def __aenter__(self) -> Self:
        if self._url:
            from clawft.client import Client

            self._opened = Client(self._url, token=self._token)
        else:
            from clawft.here import Here

            self._opened = await Here.open(self._data_dir)
        return self

    async def __aexit__(self, *_: object) -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._link.close)
            if self._toolbox:
                stack.push_async_callback(self._toolbox.close)
        self._opened = self._toolbox = None

    def __enter__(self) -> "BlockingHost":
        from clawft.blocking import BlockingHost

        self._blocking = BlockingHost(self)
        return self._blocking

    def __exit__(self, *_: object) -> None:
        if self._blocking:
            self._blocking.close()

    @property
    def _link(self) -> Link:
        if self._opened is None:
            raise RuntimeError("this host is not open: use it in a with or async with block")
        return self._opened

    @property
    def url(self) -> str:
        """Where its HTTP API is."""
        return self._link.url

    async def ask(self, message: Ask[R]) -> R:
        """Ask anything the REST API can: ``await host.ask(ListAgents())``."""
        return await self._link.ask(message)

    async def spawn(
        self,
        name: str,
        *,
        prompt: str = "",
        tools: Sequence[Tool] | None = None,
        model: str = "",
        description: str = "",
    ) -> "Agent":
        """Define an agent and start it; one with that name is replaced. It stays when the script ends.

        ``tools`` are names of the host's tools or Python functions: type hints become the JSON Schema, the
        docstring tells the model when to call it, and it runs here for as long as this host is open.
        None: every tool of the host. An empty list: none.
        """
        names = None if tools is None else tuple([await self._offer(tool) for tool in tools])
        spec = AgentSpec(name=name, description=description, model=model, system_prompt=prompt, tools=names)
        summary = await self.ask(SpawnAgent(spec))
        return Agent(self._link, summary.id)

    async def agent(self, id: str) -> "Agent":
        """An agent the host already has."""
        await self.ask(GetAgent(id))
        return Agent(self._link, id)

    async def _offer(self, tool: Tool) -> str:
        if isinstance(tool, str):
            return tool
        self._toolbox = self._toolbox or Toolbox(self._link)
        return await self._toolbox.offer(FunctionTool(tool))

    @contextlib.asynccontextmanager
    async def watching(self, *topics: str) -> AsyncIterator[AsyncIterator[Event]]:
        """What happens on these topics, nothing missed from the moment the block is entered."""
        async with self._link.frames(*topics) as frames:
            yield (event_of(frame) async for frame in frames)

    async def watch(self, *topics: str) -> AsyncIterator[Event]:
        """What happens on these topics from the first step on: ``async for event in host.watch(…)``."""
        async with self.watching(*topics) as events:
            async for event in events:
                yield event


class Agent:
    """An agent to talk to, in the session given or in one that is made with the first message."""

    def __init__(self, link: Link, id: str, *, session: str | None = None) -> None:
        self.id = id
        self._link = link
        self._session = session or ""
        self._turn = asyncio.Lock()

    async def session(self) -> str:
        """The key of the session this handle talks in."""
        if not self._session:
            self._session = (await self._link.ask(CreateSession(self.id))).key
        return self._session

    async def ask(self, text: str) -> str:
        """Say something; the answer's text."""
        return (await self.send(text)).content

    async def send(self, text: str) -> ChatMessage:
        """Say something; the whole answer, with the tools that were called for it."""
        async with self._turn:
            return await self._link.ask(SendMessage(await self.session(), text))

    async def stream(self, text: str) -> AsyncIterator[str]:
        """Say something; the answer piece by piece. Leaving the loop early stops the turn."""
        async with self._turn:
            key = await self.session()
            async with self._link.frames(f"session:{key}") as frames:
                reply = asyncio.ensure_future(self._link.ask(SendMessage(key, text)))
                try:
                    async for piece in pieces(frames, reply):
                        yield piece
                    await reply
                finally:
                    reply.cancel()

    async def history(self) -> tuple[ChatMessage, ...]:
        """Everything said through this handle, oldest first."""
        return (await self._link.ask(ExportSession(await self.session()))).messages

    async def start(self) -> None:
        """Have it take messages again."""
        await self._link.ask(StartAgent(self.id))

    async def stop(self) -> None:
        """Stop it and the turns it is taking; messages are then refused with a conflict."""
        await self._link.ask(StopAgent(self.id))

    async def remove(self) -> None:
        """Stop it and forget its definition; its sessions stay."""
        await self._link.ask(RemoveAgent(self.id))


async def pieces(frames: AsyncIterator[Json], reply: asyncio.Future[ChatMessage]) -> AsyncIterator[str]:
    """The text of the stream's chunks, until it is done or the reply says that there will be no more."""
    while True:
        coming: asyncio.Future[Json] = asyncio.ensure_future(anext(frames))
        waiting: tuple[asyncio.Future[Any], ...] = (coming, reply)
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if reply.done() and reply.exception():
                return  # a refusal has no stream: whoever awaits the reply hears why
            frame = await asyncio.wait_for(coming, 10 if reply.done() else None)
        finally:
            coming.cancel()
        if frame.get("type") == "stream_done":
            return
        if frame.get("type") == "stream_chunk":
            yield frame["content"]


def event_of(frame: Json) -> Event:
    """A frame as an event; frames that are not of the event shape are their own data."""
    if frame.get("type") == "event":
        return msgspec.convert(frame, Event)
    return Event(topic=str(frame.get("topic") or frame.get("type")), data=frame)
