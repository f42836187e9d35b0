"""Progress: what a turn has come to so far, readable at any moment, however the turn ends."""

from dataclasses import dataclass, field
from functools import reduce
from operator import add

from msgspec.structs import replace

from clawft.actors.chunks import Chunks
from clawft.actors.story import Story
from clawft.domain.costs import Usage
from clawft.domain.routing import Route
from clawft.domain.sessions import ToolCallInfo
from clawft.domain.turns import TurnEnd, ending_mark
from clawft.domain.values import UNSET

_NO_RESULT = "(stopped before it ended)"


@dataclass
class Progress:
    """Written by the turn's coroutine alone, and by whoever closes it when that one is gone."""

    chunks: Chunks
    story: Story
    complexity: float | None = None
    route: Route | None = None
    tool_calls: list[ToolCallInfo] = field(default_factory=list)
    failed_calls: int = 0

    @property
    def usage(self) -> Usage:
        """All model calls together."""
        return reduce(add, (call.usage for call in self.story.calls), Usage())

    def close(self, end: TurnEnd, words: str = "") -> None:
        """Say why it goes no further, give every tool call a result, and publish what is left."""
        self.tool_calls[:] = [
            replace(call, result=_NO_RESULT) if call.result is UNSET else call for call in self.tool_calls
        ]
        self.story.close(end)
        mark = f"[{words}]" if words else ending_mark(end, begun=bool(self.chunks.text or self.tool_calls))
        self.chunks.paragraph()
        self.chunks.add(mark)
        self.chunks.flush()
