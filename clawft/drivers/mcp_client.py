"""A connection to a server of tools, through the official SDK."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psutil

from clawft.domain.config import McpServerConfig
from clawft.domain.tools import ToolResult, ToolSpec
from clawft.errors import ClawftError, Unavailable

log = logging.getLogger(__name__)

MARK = "CLAWFT_MCP_OF"
"""In the environment of servers that we start, with the data folder they belong to."""
PATIENCE = 30.0
"""Seconds a server has to say who it is, or that it lives."""
MOST_TOOLS = 256


class Connection:
    """A server that answers. Used by one task at a time to list, by any number to call."""

    def __init__(self, name: str, client: Any, timeout: float) -> None:
        self._name = name
        self._client = client
        self._timeout = timeout

    async def tools(self) -> tuple[ToolSpec, ...]:
        """Its tools under our names, ``server.tool``."""
        found: list[ToolSpec] = []
        cursor: str | None = None
        while len(found) < MOST_TOOLS:
            page = await self._client.list_tools(cursor=cursor) if cursor else await self._client.list_tools()
            found += [self._spec(tool) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor:
                break
        return tuple(found[:MOST_TOOLS])

    def _spec(self, tool: Any) -> ToolSpec:
        schema = dict(tool.input_schema or {})
        schema.setdefault("type", "object")
        hints = tool.annotations
        reads_only = bool(hints and getattr(hints, "read_only_hint", False))
        return ToolSpec(
            f"{self._name}.{tool.name}",
            (tool.description or tool.name)[:2000],
            schema,
            effect="read" if reads_only else "process",
            reads="outside",
            timeout=self._timeout + 5,
        )

    async def call(self, tool: str, arguments: dict[str, Any]) -> ToolResult:
        """``tool`` under its own name. Raises ``ClawftError`` when there is no answer."""
        try:
            answer = await self._client.call_tool(tool, arguments, read_timeout_seconds=self._timeout)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise ClawftError(f"{self._name} did not do it: {_words(error)}") from error
        return ToolResult(
            "\n".join(map(_text, answer.content)) or "(nothing)", is_error=bool(answer.is_error)
        )

    async def lives(self) -> None:
        """Raises when it does not answer."""
        async with asyncio.timeout(PATIENCE):
            await self._client.send_ping()


@asynccontextmanager
async def connected(
    name: str, config: McpServerConfig, *, mark: str, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[Connection]:
    """A connection for as long as the block runs; a process that was started for it has ended afterwards.

    Raises ``ClawftError`` when it cannot be made.
    """
    try:
        from mcp import Client, StdioServerParameters
    except ImportError:
        raise Unavailable("the package mcp is not installed: pip install 'clawft[mcp]'") from None
    target: Any = config.url
    if config.command:
        target = StdioServerParameters(
            command=config.command,
            args=list(config.args),
            env={MARK: mark, **{key: _value(value, environment) for key, value in config.env.items()}},
            cwd=config.cwd or None,
        )
    async with contextlib.AsyncExitStack() as stack:
        client = Client(target, read_timeout_seconds=PATIENCE)
        try:
            async with asyncio.timeout(PATIENCE):
                await stack.enter_async_context(client)
        except (OSError, ValueError, TimeoutError) as error:
            raise ClawftError(f"{name} cannot be reached: {_words(error)}") from error
        yield Connection(name, client, config.timeout)


def _value(value: str, environment: Mapping[str, str]) -> str:
    if not value.startswith("$"):
        return value
    if value[1:] not in environment:
        raise ClawftError(f"{value} is not in the environment of the host")
    return environment[value[1:]]


def _text(block: Any) -> str:
    """A part of an answer; what is no text is named."""
    if getattr(block, "type", "") == "text":
        return str(block.text)
    resource = getattr(block, "resource", None)
    if resource is not None and hasattr(resource, "text"):
        return str(resource.text)
    return f"[{getattr(block, 'type', 'something')} {getattr(block, 'mime_type', '')}]".replace(" ]", "]")


def _words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return str(error) or type(error).__name__


def sweep(mark: str) -> int:
    """End servers that an earlier life of this host has left; how many that were."""
    ended = 0
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                process.kill()
                ended += 1
        except (psutil.Error, OSError):
            continue
    return ended
