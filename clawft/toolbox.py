"""The toolbox: runs the Python functions a script offers as tools, wherever the host is."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

import msgspec

from clawft.domain.events import ToolCalled
from clawft.domain.values import MAX_CONTENT
from clawft.errors import ClawftError, NotFound
from clawft.functions import FunctionTool
from clawft.messages.tools import AnswerToolCall, RegisterTool, RemoveTool
from clawft.runtime import Ask
from clawft.wire import Json, Unreachable

R = TypeVar("R")
TOPIC = "tool:call"
THREADS = 8
"""Functions that may block at the same time."""

log = logging.getLogger(__name__)


class Asker(Protocol):
    """The part of a link that is needed here."""

    async def ask(self, message: Ask[R]) -> R: ...
    def frames(self, *topics: str) -> AbstractAsyncContextManager[AsyncIterator[Json]]: ...


class Toolbox:
    """Registers functions with the host, runs them when it calls, and tells a host that restarted again."""

    def __init__(self, link: Asker) -> None:
        self._link = link
        self._tools: dict[str, FunctionTool] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="clawft-tool")
        self._calls: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Task[None] | None = None

    async def offer(self, tool: FunctionTool) -> str:
        """Have the host know the tool. Returns its name, once calls to it will be heard."""
        self._tools[tool.name] = tool
        if self._listening is None:
            await self._begin()
        else:
            await self._register(tool)
        return tool.name

    async def close(self) -> None:
        """Take the tools back, and stop what runs in a coroutine; a thread is left to finish by itself."""
        tasks = [*self._calls, *filter(None, [self._listening])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name in self._tools:
            with contextlib.suppress(
                ClawftError
            ):  # the host may be gone, or somebody else took the name back
                await self._link.ask(RemoveTool(name))
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _register(self, tool: FunctionTool) -> None:
        await self._link.ask(RegisterTool(tool.name, tool.description, tool.parameters))

    async def _begin(self) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listening = asyncio.create_task(self._listen(ready))
        try:
            await ready
        except BaseException:
            self._listening = None
            self._tools.clear()
            raise

    async def _listen(self, ready: asyncio.Future[None]) -> None:
        while True:
            try:
                await self._serve(ready)
            except Exception as error:
                if not ready.done():
                    return ready.set_exception(error)
                if not isinstance(error, Unreachable):
                    return log.exception("the tools of this script are not served any more")
                log.warning("lost the host, trying again: %s", error)
            await asyncio.sleep(1)

    async def _serve(self, ready: asyncio.Future[None]) -> None:
        async with self._link.frames(TOPIC) as frames:
            for tool in self._tools.values():
                await self._register(tool)
            if not ready.done():
                ready.set_result(None)
            async for frame in frames:
                call = msgspec.convert(frame["data"], ToolCalled)
                if call.name in self._tools:
                    task = asyncio.create_task(self._answer(call))
                    self._calls.add(task)
                    task.add_done_callback(self._calls.discard)

    async def _answer(self, call: ToolCalled) -> None:
        answer = await self._run(call)
        try:
            await self._link.ask(answer)
        except NotFound:
            log.warning("%s was too late with its answer to call %s", call.name, call.id)
        except ClawftError as error:
            log.error("the answer of %s to call %s was not taken: %s", call.name, call.id, error)

    async def _run(self, call: ToolCalled) -> AnswerToolCall:
        try:
            content = await self._tools[call.name].call(call.arguments, self._threads)
        except Exception as error:
            log.warning("%s failed", call.name, exc_info=True)
            return AnswerToolCall(call.id, f"{type(error).__name__}: {error}"[:MAX_CONTENT], is_error=True)
        return AnswerToolCall(
            call.id, content if len(content) <= MAX_CONTENT else content[: MAX_CONTENT - 1] + "…"
        )
