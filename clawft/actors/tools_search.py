"""The tool with which an agent searches the web."""

from msgspec.structs import replace

from clawft.domain.keys import DEFAULT_BASES
from clawft.domain.tools import ToolCall, ToolResult
from clawft.drivers.tools.base import arguments_of, spec_of
from clawft.drivers.tools.web import Engine, WebSearch, search
from clawft.messages.config import GetConfig, SecretOf
from clawft.runtime import System


class WebSearchTool:
    """Asks the engine that the config names now."""

    spec = replace(spec_of("web_search", WebSearch, effect="network", timeout=30.0), reads="web")

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, WebSearch)
        return ToolResult(await search(await self._engine(), wanted.query, wanted.limit))

    async def _engine(self) -> Engine:
        chosen = (await self._system.ask("config", GetConfig())).tools.search
        if chosen.engine != "brave":
            return Engine(chosen.engine, chosen.url)
        key = await self._system.ask("config", SecretOf("brave", ""))
        return Engine("brave", chosen.url or DEFAULT_BASES["brave"], key)
