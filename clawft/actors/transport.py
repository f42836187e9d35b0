"""Transport: a model is asked, its words passed on, the tools it wants called, until it has answered."""

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from clawft.actors.clock import Clock
from clawft.actors.progress import Progress
from clawft.domain.context import estimate_tokens, size
from clawft.domain.costs import Tier, Usage
from clawft.domain.models import Finished, ModelEvent, ModelMessage, ModelRequest, TextDelta, ToolCalls
from clawft.domain.sessions import SessionRecord, ToolCallInfo
from clawft.domain.tools import ToolResult
from clawft.domain.turns import MOST_CALLS, SAME_CALL, ModelCall, TurnEnd
from clawft.drivers.models.registry import Found
from clawft.errors import ModelFailed
from clawft.messages.tools import CallTool
from clawft.runtime import Reply

log = logging.getLogger(__name__)

AskTools = Callable[[CallTool], Reply[ToolResult]]

_object = msgspec.json.Decoder(dict[str, Any]).decode


class LimitReached(Exception):
    """The turn wants more than it may have; ``end`` says what."""

    def __init__(self, end: TurnEnd) -> None:
        super().__init__(end)
        self.end: TurnEnd = end


@dataclass
class _Step:
    """One call to the model."""

    said: list[str] = field(default_factory=list)
    wanted: tuple[ToolCallInfo, ...] = ()
    finished: Finished | None = None

    def usage(self, request: ModelRequest) -> Usage:
        """What the model counted; an estimate when it did not come to that."""
        if self.finished is not None:
            return self.finished.usage
        spent = sum(size(message) for message in request.messages)
        return Usage(input_tokens=spent, output_tokens=estimate_tokens("".join(self.said)), estimated=True)


class Transport:
    """The conversation of one turn with a model and its tools; what it comes to is in ``progress``."""

    def __init__(
        self,
        found: Found,
        tier: Tier,
        *,
        session: SessionRecord,
        progress: Progress,
        tools: AskTools,
        now: Clock,
    ) -> None:
        self._found = found
        self._tier = tier
        self._session = session
        self._progress = progress
        self._tools = tools
        self._now = now
        self._asked: Counter[tuple[str, str]] = Counter()

    async def converse(self, request: ModelRequest) -> None:
        """Until the model has answered. Raises ``ModelFailed`` or ``LimitReached``."""
        allowed = {tool.name for tool in request.tools}
        while True:
            step = await self._step(request)
            if not step.wanted:
                return
            results = [await self._call(call, allowed) for call in step.wanted]
            asked = ModelMessage("assistant", "".join(step.said), step.wanted)
            request = replace(request, messages=(*request.messages, asked, *results))

    async def _step(self, request: ModelRequest) -> _Step:
        """One call to the model. It is counted, whatever comes of it."""
        step = _Step()
        self._progress.chunks.paragraph()
        try:
            async with aclosing(self._found.model.stream(request)) as events:
                async for event in events:
                    self._take(event, step)
        except ModelFailed:
            raise
        except Exception as error:
            log.exception("the model %s failed", self._name)
            raise ModelFailed(f"the model {self._name} failed: {type(error).__name__}") from error
        finally:
            self._count(step, request)
        if step.finished is None:
            raise ModelFailed(f"the model {self._name} broke off before the end of its answer")
        self._tell_cut(step.finished, request)
        return step

    def _take(self, event: ModelEvent, step: _Step) -> None:
        if isinstance(event, TextDelta):
            step.said.append(event.text)
            self._progress.chunks.add(event.text)
        elif isinstance(event, ToolCalls):
            step.wanted = event.calls
        else:
            step.finished = event

    def _count(self, step: _Step, request: ModelRequest) -> None:
        call = ModelCall(
            provider=self._found.provider,
            model=self._found.name,
            tier=self._tier,
            usage=step.usage(request),
            status="success" if step.finished else "error",
            at=self._now(),
        )
        self._progress.model_calls.append(call)

    def _tell_cut(self, finished: Finished, request: ModelRequest) -> None:
        if finished.stop == "length":
            self._progress.chunks.paragraph()
            self._progress.chunks.add(f"[cut off here: an answer may have {request.max_tokens:,} tokens]")

    async def _call(self, call: ToolCallInfo, allowed: set[str]) -> ModelMessage:
        self._check(call)
        calls = self._progress.tool_calls
        at = len(calls)
        calls.append(call)
        result = await self._result(call, allowed)
        calls[at] = replace(call, result=result.content)
        self._progress.failed_calls += result.is_error
        return ModelMessage("tool", result.content, tool_call_id=call.id)

    def _check(self, call: ToolCallInfo) -> None:
        if len(self._progress.tool_calls) >= MOST_CALLS:
            raise LimitReached("tool_limit")
        self._asked[call.name, call.arguments] += 1
        if self._asked[call.name, call.arguments] >= SAME_CALL:
            raise LimitReached("repeated_call")

    async def _result(self, call: ToolCallInfo, allowed: set[str]) -> ToolResult:
        """What the tool gives. A call that cannot be made is a result that says so to the model."""
        if call.name not in allowed:
            return ToolResult(f"this agent has no tool called {call.name}", is_error=True)
        try:
            arguments = _object(call.arguments or "{}")
        except (msgspec.DecodeError, UnicodeError) as error:
            return ToolResult(f"the arguments are no JSON object: {error}", is_error=True)
        try:
            return await self._tools(self._message(call, arguments))
        except Exception as error:
            log.warning("%s could not be called: %s", call.name, error)
            return ToolResult(f"the tool could not be called: {error}", is_error=True)

    def _message(self, call: ToolCallInfo, arguments: dict[str, Any]) -> CallTool:
        session = self._session
        return CallTool(call.name, arguments, session.key, session.agent_id, call.id, session.depth)

    @property
    def _name(self) -> str:
        return f"{self._found.provider}/{self._found.name}"
