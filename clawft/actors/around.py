"""Around: what a turn's conversation with a model is held in."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from clawft.actors.asks import Asks
from clawft.actors.clock import Clock
from clawft.actors.guards import Guard, Whose
from clawft.domain.tools import ToolResult
from clawft.messages.tools import CallTool
from clawft.runtime import Reply


@dataclass(frozen=True)
class Around:
    """What a conversation is held in: who is asked for what while it goes on."""

    whose: Whose
    now: Clock
    tools: Callable[[CallTool], Reply[ToolResult]]
    ask: Asks
    guards: tuple[Guard, ...]
    parked: Callable[[], AbstractContextManager[None]]
    """While inside, the turn's time stands still."""
    keep: Callable[[], Awaitable[None]]
    """Returns when all that the turn has done so far is on the disk."""
    said_meanwhile: Callable[[], Awaitable[tuple[str, ...]]]
    """Messages for the model that came since it was last asked; from now on they belong to this turn."""
    ends_after_step: Callable[[], bool]
