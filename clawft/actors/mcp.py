"""Servers of tools: one actor each, shared by all sessions, which is connected as long as the host lives."""

import asyncio
import logging
from typing import Literal

from clawft.domain.config import McpConfig, McpServerConfig
from clawft.domain.mcp import McpServer
from clawft.domain.tools import ToolResult, ToolSpec
from clawft.drivers.mcp_client import Connection, connected, sweep
from clawft.errors import ClawftError
from clawft.messages.mcp import DescribeMcpServer, ListMcpServers
from clawft.messages.tools import OfferTools, RunTool
from clawft.runtime import Actor, on

log = logging.getLogger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two signs of life that are asked for."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds before it is tried again, doubling."""


class Server(Actor):
    """``mcp/<name>``. The connection belongs to one task; what is called in it waits in tasks of its own.

    While it is not connected its tools are not offered.
    """

    concurrency = 1000

    def __init__(self, *, config: McpServerConfig, mark: str) -> None:
        super().__init__()
        self._config = config
        self._mark = mark
        self._connection: Connection | None = None
        self._offered: tuple[str, ...] = ()
        self._connections = 0
        self._last_error = ""

    def on_start(self) -> None:
        if self._config.enabled:
            self.background(self._stay_connected())

    async def _stay_connected(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            try:
                async with connected(self.name, self._config, mark=self._mark) as connection:
                    await self._serve(connection)
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                if not isinstance(error, Exception | BaseExceptionGroup):
                    raise
                self._last_error = _words(error)
                log.warning("the server of tools %s: %s", self.name, self._last_error)
            finally:
                self._connection = None
            await self._offer(())
            if asyncio.get_running_loop().time() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE  # it had been well for a while
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _serve(self, connection: Connection) -> None:
        """Until it does not answer any more."""
        await self._offer(await connection.tools())
        self._connection = connection
        self._connections += 1
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await connection.lives()
            await self._offer(await connection.tools())

    async def _offer(self, specs: tuple[ToolSpec, ...]) -> None:
        names = tuple(spec.name for spec in specs)
        if specs or self._offered:
            await self.ask("tools", OfferTools(self.path, specs))
        self._offered = names

    @on(RunTool)
    async def run(self, ask: RunTool) -> ToolResult:
        if self._connection is None:
            raise ClawftError(f"{self.name} is not connected: {self._last_error or 'it is being reached'}")
        name = ask.call.name.removeprefix(f"{self.name}.")
        return await self._connection.call(name, ask.call.arguments)

    @on(DescribeMcpServer)
    def describe(self, _: DescribeMcpServer) -> McpServer:
        kind: Literal["stdio", "http"] = "stdio" if self._config.command else "http"
        state: Literal["connecting", "ready", "disabled"] = (
            "connecting" if self._config.enabled else "disabled"
        )
        return McpServer(
            name=self.name,
            kind=kind,
            state="ready" if self._connection is not None else state,
            tools=self._offered,
            connections=self._connections,
            last_error=self._last_error,
        )


class Mcp(Actor):
    """The parent of every ``mcp/<name>``."""

    concurrency = 16

    def __init__(self, *, config: McpConfig, mark: str) -> None:
        super().__init__()
        self._config = config
        self._mark = mark

    async def on_start(self) -> None:  # type: ignore[override]  # a start may be a coroutine
        if not any(server.command for server in self._config.servers.values()):
            self._spawn_all()
            return
        if left := await self.blocking(sweep, self._mark):
            log.warning("%d servers of tools that an earlier life has left were ended", left)
        self._spawn_all()

    def _spawn_all(self) -> None:
        for name, server in self._config.servers.items():
            self.spawn(Server, name, config=server, mark=self._mark)

    @on(ListMcpServers)
    async def list(self, _: ListMcpServers) -> tuple[McpServer, ...]:
        states = [self.ask(child, DescribeMcpServer()) for _, child in sorted(self.children.items())]
        return tuple([await state for state in states])


def _words(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return str(error) or type(error).__name__
