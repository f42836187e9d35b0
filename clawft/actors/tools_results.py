"""The tool with which an agent reads on in a result that was too long to be shown whole."""

from typing import Annotated

import msgspec
from msgspec import Meta

from clawft.domain.tools import ToolCall, ToolResult
from clawft.drivers.tools.base import arguments_of, spec_of
from clawft.errors import NotFound
from clawft.messages.sessions import ReadResult
from clawft.runtime import System

MOST = 12_000
"""Characters one call reads: less than a result may have, so that none is cut again."""


class ReadResultArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Read a part of the result of an earlier tool call of this session that was shown cut."""

    call_id: Annotated[str, Meta(min_length=1, max_length=200, description="As the mark of the cut names it")]
    offset: Annotated[int, Meta(ge=0, description="The first character to read")] = 0
    limit: Annotated[int, Meta(ge=1, le=MOST, description="How many characters")] = MOST


class ReadResultTool:
    spec = spec_of("read_result", ReadResultArguments, effect="read", timeout=10.0)

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, ReadResultArguments)
        question = ReadResult(call.session_key, wanted.call_id, wanted.offset, wanted.limit)
        try:
            part = await self._system.ask("sessions", question)
        except NotFound as error:
            return ToolResult(str(error), is_error=True)
        end = part.offset + len(part.content)
        return ToolResult(f"[characters {part.offset} to {end} of {part.size}]\n{part.content}")
