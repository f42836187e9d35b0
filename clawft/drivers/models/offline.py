"""The model that is always there: ``offline/rules-1``, made of rules. No key, no network, no cost."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncGenerator

from clawft.domain.context import CHARS_PER_TOKEN, estimate_tokens, size
from clawft.domain.costs import Usage
from clawft.domain.models import Finished, ModelEvent, ModelRequest, TextDelta, ToolCalls
from clawft.domain.sessions import ToolCallInfo
from clawft.drivers.models.rules import NOTE, Call, decide
from clawft.errors import ModelFailed

NAME = "rules-1"

_WORDS = re.compile(r"\s*\S+|\s+$")
_BREATH = 32
"""Words after which others get their turn on the event loop."""


class OfflineModel:
    """Answers by rules and says so, streams word by word, asks for tools as any model does."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        """Tokens are estimated, at four characters each."""
        if request.model != NAME:
            raise ModelFailed(f"the offline provider has no model called {request.model!r}, only {NAME}")
        spent = sum(size(message) for message in request.messages)
        decision = decide(request)
        if isinstance(decision, Call):
            call = _call(decision)
            yield ToolCalls((call,))
            yield Finished("tools", _usage(spent, call.name + call.arguments))
            return
        whole = f"{decision.text}\n{NOTE}"
        said = whole[: request.max_tokens * CHARS_PER_TOKEN]
        for number, word in enumerate(_WORDS.findall(said), 1):
            yield TextDelta(word)
            if number % _BREATH == 0:
                await asyncio.sleep(0)
        yield Finished("end" if said == whole else "length", _usage(spent, said))


def _call(call: Call) -> ToolCallInfo:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return ToolCallInfo(id=f"call-{secrets.token_hex(6)}", name=call.tool, arguments=arguments)


def _usage(spent: int, said: str) -> Usage:
    return Usage(input_tokens=spent, output_tokens=estimate_tokens(said), estimated=True)
