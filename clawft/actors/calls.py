"""Calls: the tools a turn calls, each with its step in the story and its guards asked."""

import logging
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from clawft.actors.around import Around
from clawft.actors.guards import LimitReached, ToolAsk
from clawft.actors.progress import Progress
from clawft.domain.results import Room
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.tools import ToolResult, ToolSpec
from clawft.messages.tools import CallTool

log = logging.getLogger(__name__)

_object = msgspec.json.Decoder(dict[str, Any]).decode


class _Outcome(NamedTuple):
    result: ToolResult
    reason: str = ""
    """A word for why it is no good."""


class Calls:
    """Makes the calls of one turn, one after the other."""

    def __init__(self, tools: tuple[ToolSpec, ...], *, progress: Progress, around: Around) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._progress = progress
        self._story = progress.story
        self._around = around
        self._room = Room()

    async def make(self, call: ToolCallInfo) -> str:
        """What the tool gives, as the model is to see it. A call that cannot be made says so."""
        calls, tool = self._progress.tool_calls, self._tools.get(call.name)
        at = len(calls)
        calls.append(call)
        number = self._story.begin(
            "tool",
            call.name,
            call_id=call.id,
            effect=tool.effect if tool else "read",
            arguments=call.arguments,
        )
        if tool is not None and tool.effect != "read":
            await self._around.keep()  # else a host that dies now would do it again
        result, reason = await self._outcome(call, tool)
        seen = self._room.take(result.content, call.id)
        calls[at] = replace(call, result=seen)
        self._progress.failed_calls += result.is_error
        self._tell(number, result, reason)
        return seen

    def _tell(self, number: int, result: ToolResult, reason: str) -> None:
        more: dict[str, Any] = {"result": result.content, "result_size": len(result.content)}
        if result.is_error:
            more |= {"reason": reason or "tool_error", "error": result.content[:500]}
        self._story.end(number, "failed" if result.is_error else "done", **more)

    async def _outcome(self, call: ToolCallInfo, tool: ToolSpec | None) -> _Outcome:
        if tool is None:
            return _wrong("no_such_tool", f"this agent has no tool called {call.name}")
        try:
            arguments = _object(call.arguments or "{}")
        except (msgspec.DecodeError, UnicodeError) as error:
            return _wrong("bad_arguments", f"the arguments are no JSON object: {error}")
        try:
            return await self._guarded(ToolAsk(self._around.whose, call, tool, arguments))
        except LimitReached:
            raise
        except Exception as error:
            log.warning("%s could not be called: %s", call.name, error)
            return _wrong("call_failed", f"the tool could not be called: {error}")

    async def _guarded(self, ask: ToolAsk) -> _Outcome:
        with self._around.parked():
            for guard in self._around.guards:
                if (instead := await guard.before_tool(ask)) is not None:
                    return _Outcome(instead, "refused" if instead.is_error else "")
        result = await self._around.tools(self._message(ask))
        for guard in self._around.guards:
            result = await guard.after_tool(ask, result)
        return _Outcome(result)

    def _message(self, ask: ToolAsk) -> CallTool:
        whose = ask.whose
        session = whose.session
        return CallTool(
            ask.call.name,
            ask.arguments,
            session.key,
            session.agent_id,
            ask.call.id,
            session.depth,
            whose.turn_id,
            whose.request_id,
        )


def _wrong(reason: str, words: str) -> _Outcome:
    return _Outcome(ToolResult(words, is_error=True), reason)
