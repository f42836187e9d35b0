"""Transport: a model is asked, its words passed on, the tools it wants called, until it has answered."""

from collections import Counter

from msgspec.structs import replace

from clawft.actors.around import Around
from clawft.actors.asking import Asking, Heard
from clawft.actors.calls import Calls
from clawft.actors.guards import LimitReached
from clawft.actors.progress import Progress
from clawft.domain.context import Shown
from clawft.domain.fitting import fit
from clawft.domain.models import ModelMessage, ModelRequest
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.turns import MOST_CALLS, SAME_CALL


class Transport:
    """The conversation of one turn with a model and its tools; what it comes to is in ``progress``."""

    def __init__(self, asking: Asking, *, progress: Progress, around: Around) -> None:
        self._asking = asking
        self._progress = progress
        self._story = progress.story
        self._around = around
        self._asked: Counter[tuple[str, str]] = Counter()

    async def converse(self, request: ModelRequest, shown: Shown) -> None:
        """Until the model has answered; ``shown`` is what it is shown at first, the request all else.

        Raises ``ModelFailed`` or ``LimitReached``.
        """
        calls = Calls(request.tools, progress=self._progress, around=self._around)
        while True:
            shown = _fitted(shown)
            heard = await self._step(replace(request, messages=shown.messages))
            results = [await self._call(call, calls) for call in heard.wanted]
            if results:
                await self._around.keep()
            meanwhile = await self._said_meanwhile()
            if not heard.wanted and not meanwhile:
                return
            if self._around.ends_after_step():
                raise LimitReached("stopped")
            shown = shown.with_more(*_said(heard), *results, *meanwhile)

    async def _said_meanwhile(self) -> list[ModelMessage]:
        said = await self._around.said_meanwhile()
        for content in said:
            number = self._story.begin("message", "steer", arguments=content)
            self._story.end(number, "done")
        return [ModelMessage("user", content) for content in said]

    async def _step(self, request: ModelRequest) -> Heard:
        chunks = self._progress.chunks
        chunks.paragraph()
        heard = await self._asking.ask(request, hear=chunks.add)
        if heard.finished is not None and heard.finished.stop == "length":
            chunks.paragraph()
            chunks.add(f"[cut off here: an answer may have {request.max_tokens:,} tokens]")
        return heard

    async def _call(self, call: ToolCallInfo, calls: Calls) -> ModelMessage:
        if len(self._progress.tool_calls) >= MOST_CALLS:
            raise LimitReached("tool_limit")
        self._asked[call.name, call.arguments] += 1
        if self._asked[call.name, call.arguments] >= SAME_CALL:
            raise LimitReached("repeated_call")
        return ModelMessage("tool", await calls.make(call), tool_call_id=call.id)


def _fitted(shown: Shown) -> Shown:
    fitted = fit(shown)
    if fitted is None:
        raise LimitReached("context_full")
    return fitted


def _said(heard: Heard) -> list[ModelMessage]:
    return [ModelMessage("assistant", heard.text, heard.wanted)] if heard.text or heard.wanted else []
