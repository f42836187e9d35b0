"""Costs: tokens counted, dollars added up. Totals are always sums of what was recorded."""

from typing import Literal

from clawft.domain.values import UNSET, UnsetType, Value

Tier = Literal[1, 2, 3]
TIER_LABELS: dict[Tier, str] = {1: "Agent Booster", 2: "Fast model", 3: "Strong model"}


class Usage(Value, frozen=True):
    """What one or more model calls used. Tokens are the provider's count, or an estimate marked as such."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    input_cost_usd: float = 0.0
    output_cost_usd: float = 0.0
    estimated: bool = False
    unpriced: bool = False
    """Some of it was done by a model whose price nobody knows; its cost is not in the sums."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_usd=self.cost_usd + other.cost_usd,
            input_cost_usd=self.input_cost_usd + other.input_cost_usd,
            output_cost_usd=self.output_cost_usd + other.output_cost_usd,
            estimated=self.estimated or other.estimated,
            unpriced=self.unpriced or other.unpriced,
        )


class ProviderTokens(Value, frozen=True):
    """Tokens of one model."""

    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    total_tokens: int
    request_count: int


class SessionTokens(Value, frozen=True):
    """Tokens of one session."""

    session_key: str
    input_tokens: int
    output_tokens: int
    request_count: int


class TokenUsageSummary(Value, frozen=True):
    """All tokens, by model and by session."""

    total_input: int
    total_output: int
    total_requests: int
    by_provider: tuple[ProviderTokens, ...]
    by_session: tuple[SessionTokens, ...]


class ProviderCost(Value, frozen=True):
    """Dollars of one model."""

    provider: str
    model: str
    input_cost_usd: float
    output_cost_usd: float
    total_cost_usd: float


class TierCost(Value, frozen=True):
    """Dollars and requests of one tier."""

    tier: Tier
    label: str
    request_count: int
    total_cost_usd: float


class Unpriced(Value, frozen=True):
    """A model whose price nobody knows, and what it was used for all the same."""

    provider: str
    model: str
    request_count: int
    total_tokens: int


class CostBreakdown(Value, frozen=True):
    """All dollars, by model and by tier. ``by_tier`` always lists all three."""

    total_cost_usd: float
    by_provider: tuple[ProviderCost, ...]
    by_tier: tuple[TierCost, ...]
    unpriced: tuple[Unpriced, ...] | UnsetType = UNSET
    """Models that cost something nobody can say; left out when there are none."""
