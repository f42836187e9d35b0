"""Asking: one call to a model, from its guards to its count."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from msgspec.structs import replace

from clawft.actors.around import Around
from clawft.actors.call import Call
from clawft.actors.guards import ModelAsk
from clawft.actors.story import Story
from clawft.domain.context import estimate_tokens, size
from clawft.domain.costs import Tier, Usage
from clawft.domain.models import Finished, ModelEvent, ModelRequest, TextDelta, ToolCalls
from clawft.domain.retries import pause_before
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.turns import ModelCall
from clawft.drivers.models.base import Model
from clawft.drivers.models.prices import Price
from clawft.drivers.models.registry import Found
from clawft.errors import ModelFailed

log = logging.getLogger(__name__)

NOT_BILLED = frozenset(
    ("rate_limited", "auth", "quota", "refused", "not_found", "connection", "unavailable", "no_client")
)
"""Failures of which a provider bills nothing, as long as it has not said a word."""

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

    def usage(self, request: ModelRequest, failure: ModelFailed | None, price: Price) -> Usage:
        """What the model counted. When it did not come to that, an estimate, unless nobody bills for it."""
        if self.finished is not None:
            return self.finished.usage
        if failure is not None and failure.reason in NOT_BILLED and not self.said:
            return Usage()
        spent = sum(size(message) for message in request.messages)
        guess = Usage(input_tokens=spent, output_tokens=estimate_tokens(self.text), estimated=True)
        return price(request.model, guess, 0)


class Asking:
    """Asks one model on behalf of one turn, again where that may help, and then others.

    Every call is counted, whatever comes of it.
    """

    def __init__(
        self, found: Found, tier: Tier, *, story: Story, around: Around, others: Sequence[Found] = ()
    ) -> None:
        """``others``: who is asked, in this order, when the one before gives no answer."""
        self._found = found
        self._others = list(others)
        self._tier = tier
        self._story = story
        self._around = around

    @property
    def name(self) -> str:
        return self._found.full_name

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

        Raises ``ModelFailed``, or what a guard raises. Once a word was heard nobody else is asked.
        """
        attempt = 1
        while True:
            heard = Heard()
            try:
                await self._once(replace(request, model=self.model), heard, kind, hear)
                return heard
            except ModelFailed as failure:
                attempt += 1
                pause = pause_before(attempt, failure, random.random())
                if heard.said or (pause is None and not self._others):
                    raise
                log.warning("asking %s: %s", self.name, failure)
            if pause is None:
                self._found, attempt = self._others.pop(0), 1
            else:
                await asyncio.sleep(pause)

    async def _once(
        self,
        request: ModelRequest,
        heard: Heard,
        kind: Literal["model", "compaction"],
        hear: Callable[[str], None] | None,
    ) -> None:
        found = self._found
        ask = ModelAsk(self._around.whose, found.provider, found.name, self._tier, request)
        if self._around.guards:
            await self._guarded(ask)
        number = self._story.begin(kind, self.name, tier=self._tier, arguments=_measured(request))
        call = Call(found, self._around.ask)
        failure: ModelFailed | None = None
        try:
            model = await call.entered()
            await self._listened(model, request, heard, hear)
        except ModelFailed as error:
            failure = error
            self._story.end(number, "failed", reason=error.reason, error=str(error))
            raise
        finally:
            call.over(failure, cut_off=heard.finished is None)
            self._count(number, ask, heard, call, failure)
        self._story.end(number, "done")

    async def _guarded(self, ask: ModelAsk) -> None:
        with self._around.parked():
            for guard in self._around.guards:
                await guard.before_model(ask)

    async def _listened(
        self, model: Model, request: ModelRequest, heard: Heard, hear: Callable[[str], None] | None
    ) -> None:
        """Hear the model out. A stream that does not close when its turn is over does not hold it up."""
        listening = asyncio.ensure_future(self._listen(model, request, heard, hear))
        listening.add_done_callback(_look_at)
        try:
            await asyncio.shield(listening)
        except asyncio.CancelledError:
            heard.is_over = True
            listening.cancel()
            await asyncio.wait([listening], timeout=LET_GO)
            raise
        if heard.finished is None:
            raise ModelFailed(f"the model {self.name} broke off before the end of its answer", reason="cut")

    async def _listen(
        self, model: Model, request: ModelRequest, heard: Heard, hear: Callable[[str], None] | None
    ) -> None:
        try:
            async with aclosing(model.stream(request)) as events:
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

    def _count(
        self, number: int, ask: ModelAsk, heard: Heard, call: Call, failure: ModelFailed | None
    ) -> None:
        """A call that was not made is not counted, but whoever was asked before it hears that it is over."""
        made = ModelCall(
            provider=ask.provider,
            model=ask.model,
            tier=self._tier,
            usage=heard.usage(ask.request, failure, call.price) if call.was_made else Usage(),
            status="success" if heard.finished else "error",
            at=self._around.now(),
        )
        if call.was_made:
            self._story.calls.append(made)
            self._story.spent(number, made, heard.text)
        for guard in self._around.guards:
            guard.after_model(ask, made)


def _measured(request: ModelRequest) -> str:
    """How much the model is shown; the messages themselves are kept where they were said."""
    shown = {"messages": len(request.messages), "tokens": sum(map(size, request.messages))}
    return msgspec.json.encode(shown).decode()


def _look_at(task: "asyncio.Task[None]") -> None:
    """A stream that was left to itself may fail later; nobody asks any more."""
    if not task.cancelled():
        task.exception()
