"""Guards: who is asked before a turn spends or acts, and told afterwards. Others of the host put them in."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from clawft.domain.costs import Tier
from clawft.domain.models import ModelRequest
from clawft.domain.sessions import SessionRecord, ToolCallInfo
from clawft.domain.tools import ToolResult, ToolSpec
from clawft.domain.turns import ModelCall, TurnEnd


class LimitReached(Exception):
    """The turn wants more than it may have; ``end`` says what. ``words`` are put at the end of its answer."""

    def __init__(self, end: TurnEnd, words: str = "") -> None:
        super().__init__(words or end)
        self.end: TurnEnd = end
        self.words = words


class Whose(NamedTuple):
    """On whose behalf something is done."""

    turn_id: str
    request_id: str
    session: SessionRecord


@dataclass(frozen=True)
class ModelAsk:
    """A call to a model that is about to be made."""

    whose: Whose
    provider: str
    model: str
    tier: Tier
    request: ModelRequest


@dataclass(frozen=True)
class ToolAsk:
    """A call of a tool that is about to be made. ``call.arguments`` are its very bytes."""

    whose: Whose
    call: ToolCallInfo
    tool: ToolSpec
    arguments: dict[str, Any]


class Guard:
    """Lets everything pass; to be overridden. While a guard is asked the turn's time stands still."""

    async def before_model(self, ask: ModelAsk) -> None:
        """Raise ``LimitReached`` to end the turn, or wait until the call may be made."""

    def after_model(self, ask: ModelAsk, call: ModelCall) -> None:
        """The call was made and counted, well, badly or cut off. Must not wait."""

    def turn_kept(self, turn_id: str) -> None:
        """The turn has ended, and all it has done and spent is on the disk. Must not wait."""

    async def before_tool(self, ask: ToolAsk) -> ToolResult | None:
        """A result that stands for the call, which is then not made; None: it may be made."""
        return None

    async def after_tool(self, ask: ToolAsk, result: ToolResult) -> ToolResult:
        """The result as the turn is to take it."""
        return result
