"""The tool with which an agent reads a skill it was told of."""

from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from clawft.domain.tools import ToolCall, ToolResult
from clawft.drivers.tools.base import arguments_of, spec_of
from clawft.messages.skills import SkillText
from clawft.runtime import System


class SkillReadArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Read the instructions of an installed skill."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class SkillReadTool:
    """A skill is somebody else's text, though the operator has installed it."""

    spec = replace(spec_of("skill_read", SkillReadArguments, timeout=10.0), reads="outside")

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        return ToolResult(
            await self._system.ask("skills", SkillText(arguments_of(call, SkillReadArguments).name))
        )
