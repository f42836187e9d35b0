"""The Python API for code without an event loop: the same methods, each waiting for its result."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from clawft.domain.sessions import ChatMessage
from clawft.runtime import Ask

if TYPE_CHECKING:
    from clawft.host import Agent, Event, Host, Tool

R = TypeVar("R")


class BackgroundLoop:
    """An event loop on a thread of its own, with ways in for code that waits."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clawft-loop", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, R]) -> R:
        """Run it there and wait; an interrupt here cancels it there."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[R]) -> Iterator[R]:
        """Step through it here; leaving the loop early closes it there."""
        try:
            while True:
                try:
                    yield self.wait(step(items))
                except StopAsyncIteration:
                    return
        finally:
            self.wait(close(items))

    def close(self) -> None:
        self.wait(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def step(items: AsyncIterator[R]) -> R:
    return await anext(items)


async def close(items: AsyncIterator[Any]) -> None:
    if hasattr(items, "aclose"):
        await items.aclose()


class BlockingHost:
    """A ``Host`` whose methods wait."""

    def __init__(self, host: "Host") -> None:
        self._host = host
        self._loop = BackgroundLoop()
        try:
            self._loop.wait(host.__aenter__())
        except BaseException:
            self._loop.close()
            raise

    def close(self) -> None:
        try:
            self._loop.wait(self._host.__aexit__())
        finally:
            self._loop.close()

    @property
    def url(self) -> str:
        """Where its HTTP API is."""
        return self._host.url

    def ask(self, message: Ask[R]) -> R:
        """Ask anything the REST API can."""
        return self._loop.wait(self._host.ask(message))

    def spawn(
        self,
        name: str,
        *,
        prompt: str = "",
        tools: "Sequence[Tool] | None" = None,
        model: str = "",
        description: str = "",
    ) -> "BlockingAgent":
        """See ``Host.spawn``. Functions that are not coroutines run in threads of their own."""
        work = self._host.spawn(name, prompt=prompt, tools=tools, model=model, description=description)
        return BlockingAgent(self._loop.wait(work), self._loop)

    def agent(self, id: str) -> "BlockingAgent":
        """An agent the host already has."""
        return BlockingAgent(self._loop.wait(self._host.agent(id)), self._loop)

    def watch(self, *topics: str) -> "Iterator[Event]":
        """What happens on these topics from the first step of the loop on."""
        return self._loop.iterate(self._host.watch(*topics))


class BlockingAgent:
    """An ``Agent`` whose methods wait."""

    def __init__(self, agent: "Agent", loop: BackgroundLoop) -> None:
        self.id = agent.id
        self._agent = agent
        self._loop = loop

    def session(self) -> str:
        """The key of the session this handle talks in."""
        return self._loop.wait(self._agent.session())

    def ask(self, text: str) -> str:
        """Say something; the answer's text."""
        return self._loop.wait(self._agent.ask(text))

    def send(self, text: str) -> ChatMessage:
        """Say something; the whole answer, with the tools that were called for it."""
        return self._loop.wait(self._agent.send(text))

    def stream(self, text: str) -> Iterator[str]:
        """Say something; the answer piece by piece. Leaving the loop early stops the turn."""
        return self._loop.iterate(self._agent.stream(text))

    def history(self) -> tuple[ChatMessage, ...]:
        """Everything said through this handle, oldest first."""
        return self._loop.wait(self._agent.history())

    def start(self) -> None:
        """Have it take messages again."""
        self._loop.wait(self._agent.start())

    def stop(self) -> None:
        """Stop it and the turns it is taking."""
        self._loop.wait(self._agent.stop())

    def remove(self) -> None:
        """Stop it and forget its definition; its sessions stay."""
        self._loop.wait(self._agent.remove())
