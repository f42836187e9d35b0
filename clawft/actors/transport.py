"""Transport: a model is asked, its words passed on, the tools it wants called, until it has answered."""

import asyncio
import logging
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from clawft.actors.around import Around
from clawft.actors.calls import Calls
from clawft.actors.guards import LimitReached, ModelAsk
from clawft.actors.progress import Progress
from clawft.domain.context import estimate_tokens, size
from clawft.domain.costs import Tier, Usage
from clawft.domain.models import Finished, ModelEvent, ModelMessage, ModelRequest, TextDelta, ToolCalls
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.turns import MOST_CALLS, SAME_CALL, ModelCall
from clawft.drivers.models.registry import Found
from clawft.errors import ModelFailed

log = logging.getLogger(__name__)

LET_GO = 0.1
"""Seconds a model's stream has to close once its turn is over; then it is left to itself."""


@dataclass
class _Step:
    """One call to the model."""

    said: list[str] = field(default_factory=list)
    wanted: tuple[ToolCallInfo, ...] = ()
    finished: Finished | None = None
    is_over: bool = False

    def usage(self, request: ModelRequest) -> Usage:
        """What the model counted; an estimate when it did not come to that."""
        if self.finished is not None:
            return self.finished.usage
        spent = sum(size(message) for message in request.messages)
        return Usage(input_tokens=spent, output_tokens=estimate_tokens("".join(self.said)), estimated=True)


class Transport:
    """The conversation of one turn with a model and its tools; what it comes to is in ``progress``."""

    def __init__(self, found: Found, tier: Tier, *, progress: Progress, around: Around) -> None:
        self._found = found
        self._tier = tier
        self._progress = progress
        self._story = progress.story
        self._around = around
        self._asked: Counter[tuple[str, str]] = Counter()

    async def converse(self, request: ModelRequest) -> None:
        """Until the model has answered. Raises ``ModelFailed`` or ``LimitReached``."""
        calls = Calls(request.tools, progress=self._progress, around=self._around)
        while True:
            step = await self._step(request)
            results = [await self._call(call, calls) for call in step.wanted]
            if results:
                await self._around.keep()
            meanwhile = await self._said_meanwhile()
            if not step.wanted and not meanwhile:
                return
            if self._around.ends_after_step():
                raise LimitReached("stopped")
            request = replace(request, messages=(*request.messages, *_said(step), *results, *meanwhile))

    async def _said_meanwhile(self) -> list[ModelMessage]:
        said = await self._around.said_meanwhile()
        for content in said:
            number = self._story.begin("message", "steer", arguments=content)
            self._story.end(number, "done")
        return [ModelMessage("user", content) for content in said]

    # -- the model

    async def _step(self, request: ModelRequest) -> _Step:
        """One call to the model. It is counted, whatever comes of it."""
        ask = ModelAsk(self._around.whose, self._found.provider, self._found.name, self._tier, request)
        with self._around.parked():
            for guard in self._around.guards:
                await guard.before_model(ask)
        self._progress.chunks.paragraph()
        return await self._counted(ask)

    async def _counted(self, ask: ModelAsk) -> _Step:
        step, request = _Step(), ask.request
        shown = {"messages": len(request.messages), "tokens": sum(map(size, request.messages))}
        arguments = msgspec.json.encode(shown).decode()
        number = self._story.begin("model", self._name, tier=self._tier, arguments=arguments)
        try:
            await self._listened(request, step)
            self._tell_cut(step, request)
        except ModelFailed as error:
            self._story.end(number, "failed", reason="model_error", error=str(error))
            raise
        finally:
            call = self._count(step, request)
            self._story.spent(number, call, "".join(step.said))
            for guard in self._around.guards:
                guard.after_model(ask, call)
        self._story.end(number, "done")
        return step

    async def _listened(self, request: ModelRequest, step: _Step) -> None:
        """Hear the model out. A stream that does not close when its turn is over does not hold it up."""
        listening = asyncio.ensure_future(self._listen(request, step))
        listening.add_done_callback(_look_at)
        try:
            await asyncio.shield(listening)
        except asyncio.CancelledError:
            step.is_over = True
            listening.cancel()
            await asyncio.wait([listening], timeout=LET_GO)
            raise
        if step.finished is None:
            raise ModelFailed(f"the model {self._name} broke off before the end of its answer")

    async def _listen(self, request: ModelRequest, step: _Step) -> None:
        try:
            async with aclosing(self._found.model.stream(request)) as events:
                async for event in events:
                    self._take(event, step)
        except ModelFailed:
            raise
        except Exception as error:
            log.exception("the model %s failed", self._name)
            raise ModelFailed(f"the model {self._name} failed: {type(error).__name__}") from error

    def _take(self, event: ModelEvent, step: _Step) -> None:
        if step.is_over:
            return
        if isinstance(event, TextDelta):
            step.said.append(event.text)
            self._progress.chunks.add(event.text)
        elif isinstance(event, ToolCalls):
            step.wanted = event.calls
        else:
            step.finished = event

    def _count(self, step: _Step, request: ModelRequest) -> ModelCall:
        call = ModelCall(
            provider=self._found.provider,
            model=self._found.name,
            tier=self._tier,
            usage=step.usage(request),
            status="success" if step.finished else "error",
            at=self._around.now(),
        )
        self._story.calls.append(call)
        return call

    def _tell_cut(self, step: _Step, request: ModelRequest) -> None:
        if step.finished is not None and step.finished.stop == "length":
            self._progress.chunks.paragraph()
            self._progress.chunks.add(f"[cut off here: an answer may have {request.max_tokens:,} tokens]")

    @property
    def _name(self) -> str:
        return f"{self._found.provider}/{self._found.name}"

    # -- the tools

    async def _call(self, call: ToolCallInfo, calls: Calls) -> ModelMessage:
        if len(self._progress.tool_calls) >= MOST_CALLS:
            raise LimitReached("tool_limit")
        self._asked[call.name, call.arguments] += 1
        if self._asked[call.name, call.arguments] >= SAME_CALL:
            raise LimitReached("repeated_call")
        return ModelMessage("tool", await calls.make(call), tool_call_id=call.id)


def _said(step: _Step) -> list[ModelMessage]:
    said = "".join(step.said)
    return [ModelMessage("assistant", said, step.wanted)] if said or step.wanted else []


def _look_at(task: "asyncio.Task[None]") -> None:
    """A stream that was left to itself may fail later; nobody asks any more."""
    if not task.cancelled():
        task.exception()
