"""The one who has the tools: says what there is, checks and runs calls, takes in tools from outside."""

import asyncio
import logging
from typing import Any, NamedTuple

from clawft.actors.publish import publish
from clawft.actors.tools_remote import ActorsTool, OpenCalls, RemoteTool
from clawft.domain.events import ToolCalled
from clawft.domain.tools import (
    MOST_KEPT,
    ArgumentCheck,
    ToolCall,
    ToolInfo,
    ToolResult,
    ToolSpec,
    argument_check,
    capped,
)
from clawft.domain.values import Success
from clawft.drivers.tools.base import Tool
from clawft.drivers.tools.files import file_tools
from clawft.drivers.tools.web import Fetcher, WebFetchTool
from clawft.drivers.tools.workspace import Workspace
from clawft.errors import ClawftError, Conflict, NotFound
from clawft.messages.tools import (
    AnswerToolCall,
    CallTool,
    GetToolSchema,
    ListTools,
    OfferTools,
    RegisterTool,
    RemoveTool,
    RunTool,
    ToolSpecs,
)
from clawft.runtime import Actor, on

log = logging.getLogger(__name__)

MAX_REGISTERED = 256
"""Tools from outside."""


class Offer(NamedTuple):
    """A tool and the check of its arguments, compiled when it was offered."""

    tool: Tool
    check: ArgumentCheck

    @property
    def info(self) -> ToolInfo:
        spec = self.tool.spec
        return ToolInfo(spec.name, spec.description, spec.parameters)


class Tools(Actor):
    """Built-in tools, and those that were registered: the latter until they are removed or the host ends.

    Calls run side by side, each until its tool's time is over; questions are answered meanwhile.
    """

    # A delegation holds its place while the turns it made call tools themselves: far above what may be open.
    concurrency = 10_000
    mailbox_limit = 10_000

    def __init__(
        self, *, workspace: Workspace, fetcher: Fetcher | None = None, tools: tuple[Tool, ...] = ()
    ) -> None:
        """``fetcher``: what fetches from the web; None: nothing does."""
        super().__init__()
        fetch = () if fetcher is None else (WebFetchTool(fetcher, self.blocking),)
        built_in = (*file_tools(workspace, self.blocking), *fetch, *tools)
        self._built_in = {tool.spec.name: _offer(tool) for tool in built_in}
        self._registered: dict[str, Offer] = {}
        self._offered: dict[tuple[str, str], dict[str, Offer]] = {}
        """By the session they are for, or "", and who runs them."""
        self._calls = OpenCalls()

    # -- what there is

    @on(ListTools, control=True)
    def all(self, _: ListTools) -> tuple[ToolInfo, ...]:
        return tuple(offer.info for _, offer in sorted(self._offers().items()))

    @on(GetToolSchema, control=True)
    def schema(self, ask: GetToolSchema) -> dict[str, Any]:
        return self._find(ask.name).tool.spec.parameters

    @on(ToolSpecs, control=True)
    def specs(self, ask: ToolSpecs) -> tuple[ToolSpec, ...]:
        allowed = {
            name: offer
            for name, offer in self._offers().items()
            if ask.allowed is None or name in ask.allowed
        }
        offers = sorted((allowed | self._offered_to(ask.session_key)).items())
        return tuple(offer.tool.spec for _, offer in offers)

    def _offers(self) -> dict[str, Offer]:
        return self._offered_to("") | self._registered | self._built_in

    def _offered_to(self, session_key: str) -> dict[str, Offer]:
        return {
            name: offer
            for (key, _), offers in self._offered.items()
            if key == session_key
            for name, offer in offers.items()
        }

    def _find(self, name: str, session_key: str = "") -> Offer:
        own = self._offered_to(session_key) if session_key else {}
        offer = own.get(name) or self._offers().get(name)
        if offer is None:
            raise NotFound(f"no tool is called {name[:100]}")
        return offer

    # -- calls

    @on(CallTool)
    async def call(self, ask: CallTool) -> ToolResult:
        return capped(await self._outcome(ask), MOST_KEPT)

    async def _outcome(self, ask: CallTool) -> ToolResult:
        try:
            return await self._run(ask)
        except ClawftError as error:
            return ToolResult(str(error), is_error=True)
        except Exception as error:
            log.exception("the tool %s failed in session %s", ask.name, ask.session_key)
            return ToolResult(f"{ask.name} failed unexpectedly ({type(error).__name__})", is_error=True)

    async def _run(self, ask: CallTool) -> ToolResult:
        tool, check = self._find(ask.name, ask.session_key)
        if complaint := check(ask.arguments):
            return ToolResult(f"{ask.name} was not called: {complaint}", is_error=True)
        call = ToolCall(
            ask.name,
            ask.arguments,
            ask.session_key,
            ask.agent_id,
            ask.call_id,
            ask.depth,
            ask.turn_id,
            ask.request_id,
        )
        return await _in_time(tool, call)

    # -- tools of other actors

    @on(OfferTools, control=True)
    def offer(self, ask: OfferTools) -> None:
        key = (ask.session_key, ask.source)
        if not ask.specs:
            self._offered.pop(key, None)
            return
        self._offered[key] = {
            spec.name: _offer(ActorsTool(spec, lambda call: self.ask(ask.source, RunTool(call))))
            for spec in ask.specs
        }

    # -- tools from outside

    @on(RegisterTool, control=True)
    def register(self, ask: RegisterTool) -> ToolInfo:
        if ask.name in self._built_in:
            raise Conflict(f"{ask.name} is a built-in tool and cannot be replaced")
        if ask.name not in self._registered and len(self._registered) >= MAX_REGISTERED:
            raise Conflict(f"{MAX_REGISTERED} tools are registered; remove one first")
        spec = ToolSpec(
            ask.name, ask.description, ask.parameters, effect="process", reads=ask.reads, timeout=ask.timeout
        )
        offer = _offer(RemoteTool(spec, self._calls, self._publish))
        self._registered[ask.name] = offer
        return offer.info

    def _publish(self, called: ToolCalled) -> None:
        publish(self, called)

    @on(RemoveTool, control=True)
    def remove(self, ask: RemoveTool) -> Success:
        if ask.name in self._built_in:
            raise Conflict(f"{ask.name} is a built-in tool and stays")
        self._find(ask.name)
        del self._registered[ask.name]
        self._calls.give_up(ask.name)
        return Success()

    @on(AnswerToolCall, control=True)
    def answer(self, ask: AnswerToolCall) -> Success:
        self._calls.answer(ask.id, ToolResult(ask.content, is_error=ask.is_error))
        return Success()


def _offer(tool: Tool) -> Offer:
    return Offer(tool, argument_check(tool.spec.parameters))


async def _in_time(tool: Tool, call: ToolCall) -> ToolResult:
    """What the tool came to, or that its time is over; then it is cancelled."""
    limit = tool.spec.timeout
    try:
        async with asyncio.timeout(limit) as deadline:
            return await tool.run(call)
    except TimeoutError:
        if not deadline.expired():
            raise
        return ToolResult(f"{call.name} took longer than {limit:g} s and was stopped", is_error=True)
