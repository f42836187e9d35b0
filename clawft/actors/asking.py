"""Asking: one call to a model, from its guards to its count."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from clawft.actors.around import Around
from clawft.actors.guards import ModelAsk
from clawft.actors.story import Story
from clawft.domain.context import estimate_tokens, size
from clawft.domain.costs import Tier, Usage
from clawft.domain.models import Finished, ModelEvent, ModelRequest, TextDelta, ToolCalls
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.turns import ModelCall
from clawft.drivers.models.registry import Found
from clawft.errors import ModelFailed

log = logging.getLogger(__name__)

LET_GO = 0.1
"""Seconds a model's stream has to close once its turn is over; then it is left to itself."""


@dataclass
class Heard:
    """What a model has said so far."""

    said: list[str] = field(default_factory=list)
    wanted: tuple[ToolCallInfo, ...] = ()
    finished: Finished | None = None
    is_over: bool = False

    @property
    def text(self) -> str:
        return "".join(self.said)

    def usage(self, request: ModelRequest) -> Usage:
        """What the model counted; an estimate when it did not come to that."""
        if self.finished is not None:
            return self.finished.usage
        spent = sum(size(message) for message in request.messages)
        return Usage(input_tokens=spent, output_tokens=estimate_tokens(self.text), estimated=True)


class Asking:
    """Asks one model on behalf of one turn. Every call is counted, whatever comes of it."""

    def __init__(self, found: Found, tier: Tier, *, story: Story, around: Around) -> None:
        self._found = found
        self._tier = tier
        self._story = story
        self._around = around

    @property
    def name(self) -> str:
        return f"{self._found.provider}/{self._found.name}"

    @property
    def model(self) -> str:
        """Without its provider."""
        return self._found.name

    async def ask(
        self,
        request: ModelRequest,
        *,
        kind: Literal["model", "compaction"] = "model",
        hear: Callable[[str], None] | None = None,
    ) -> Heard:
        """What the model says, all of it. ``hear`` is given the words as they come.

        Raises ``ModelFailed``, or what a guard raises.
        """
        ask = ModelAsk(self._around.whose, self._found.provider, self._found.name, self._tier, request)
        if self._around.guards:
            await self._guarded(ask)
        heard = Heard()
        number = self._story.begin(kind, self.name, tier=self._tier, arguments=_measured(request))
        try:
            await self._listened(request, heard, hear)
        except ModelFailed as error:
            self._story.end(number, "failed", reason="model_error", error=str(error))
            raise
        finally:
            self._count(number, ask, heard)
        self._story.end(number, "done")
        return heard

    async def _guarded(self, ask: ModelAsk) -> None:
        with self._around.parked():
            for guard in self._around.guards:
                await guard.before_model(ask)

    async def _listened(
        self, request: ModelRequest, heard: Heard, hear: Callable[[str], None] | None
    ) -> None:
        """Hear the model out. A stream that does not close when its turn is over does not hold it up."""
        listening = asyncio.ensure_future(self._listen(request, heard, hear))
        listening.add_done_callback(_look_at)
        try:
            await asyncio.shield(listening)
        except asyncio.CancelledError:
            heard.is_over = True
            listening.cancel()
            await asyncio.wait([listening], timeout=LET_GO)
            raise
        if heard.finished is None:
            raise ModelFailed(f"the model {self.name} broke off before the end of its answer")

    async def _listen(self, request: ModelRequest, heard: Heard, hear: Callable[[str], None] | None) -> None:
        try:
            async with aclosing(self._found.model.stream(request)) as events:
                async for event in events:
                    self._take(event, heard, hear)
        except ModelFailed:
            raise
        except Exception as error:
            log.exception("the model %s failed", self.name)
            raise ModelFailed(f"the model {self.name} failed: {type(error).__name__}") from error

    def _take(self, event: ModelEvent, heard: Heard, hear: Callable[[str], None] | None) -> None:
        if heard.is_over:
            return
        if isinstance(event, TextDelta):
            heard.said.append(event.text)
            if hear is not None:
                hear(event.text)
        elif isinstance(event, ToolCalls):
            heard.wanted = event.calls
        else:
            heard.finished = event

    def _count(self, number: int, ask: ModelAsk, heard: Heard) -> None:
        call = ModelCall(
            provider=self._found.provider,
            model=self._found.name,
            tier=self._tier,
            usage=heard.usage(ask.request),
            status="success" if heard.finished else "error",
            at=self._around.now(),
        )
        self._story.calls.append(call)
        self._story.spent(number, call, heard.text)
        for guard in self._around.guards:
            guard.after_model(ask, call)


def _measured(request: ModelRequest) -> str:
    """How much the model is shown; the messages themselves are kept where they were said."""
    shown = {"messages": len(request.messages), "tokens": sum(map(size, request.messages))}
    return msgspec.json.encode(shown).decode()


def _look_at(task: "asyncio.Task[None]") -> None:
    """A stream that was left to itself may fail later; nobody asks any more."""
    if not task.cancelled():
        task.exception()
