"""Tools that somebody else runs: another actor, or somebody outside, who is told of a call and answers it."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from clawft.domain.events import ToolCalled
from clawft.domain.tools import ToolCall, ToolResult, ToolSpec
from clawft.errors import NotFound


class OpenCalls:
    """The calls that wait for an answer from outside. Used on the loop thread only."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, asyncio.Future[ToolResult]]] = {}

    @contextmanager
    def open(self, tool: str) -> Iterator[tuple[str, asyncio.Future[ToolResult]]]:
        """A new id, and what will be its answer. Forgotten when the block ends, however it does."""
        id = f"call-{secrets.token_hex(8)}"
        answer: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
        self._waiting[id] = (tool, answer)
        try:
            yield id, answer
        finally:
            self._waiting.pop(id, None)

    def answer(self, id: str, result: ToolResult) -> None:
        """Raises ``NotFound`` for an id that was never given, has been answered or waits no more."""
        _, answer = self._waiting.pop(id, ("", None))
        if answer is None or answer.done():
            raise NotFound(f"no call waits under the id {id[:100]}; it may have been answered or timed out")
        answer.set_result(result)

    def give_up(self, tool: str) -> None:
        """The tool is gone: whoever waits for it is told."""
        for id in [id for id, (name, _) in self._waiting.items() if name == tool]:
            self.answer(id, ToolResult(f"{tool} was taken away before it answered", is_error=True))


class RemoteTool:
    """One registration. Whether anybody listens cannot be known: without an answer, the call times out."""

    def __init__(self, spec: ToolSpec, calls: OpenCalls, publish: Callable[[ToolCalled], None]) -> None:
        self.spec = spec
        self._calls = calls
        self._publish = publish

    async def run(self, call: ToolCall) -> ToolResult:
        with self._calls.open(self.spec.name) as (id, answer):
            self._publish(ToolCalled(id, self.spec.name, call.arguments, call.session_key))
            return await answer


class ActorsTool:
    """A tool that another actor of this host runs."""

    def __init__(self, spec: ToolSpec, ask: Callable[[ToolCall], Awaitable[ToolResult]]) -> None:
        self.spec = spec
        self._ask = ask

    async def run(self, call: ToolCall) -> ToolResult:
        return await self._ask(call)
