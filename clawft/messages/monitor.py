"""What can be asked about what was done: runs, tokens, costs, health."""

from typing import Annotated

from msgspec import Meta

from clawft.domain.costs import CostBreakdown, TokenUsageSummary
from clawft.domain.health import Health
from clawft.domain.pipeline import PipelineRun
from clawft.domain.values import Moment
from clawft.runtime import Ask


class GetTokenUsage(Ask[TokenUsageSummary], frozen=True):
    """All tokens recorded; ``since`` narrows."""

    since: Moment | None = None


class GetCosts(Ask[CostBreakdown], frozen=True):
    """All dollars recorded; ``since`` narrows."""

    since: Moment | None = None


class ListRuns(Ask[tuple[PipelineRun, ...]], frozen=True):
    """Pipeline runs, newest first."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    session: str | None = None


class GetHealth(Ask[Health], frozen=True):
    """How the host is. Answered from memory, in any state of the store."""
