"""Routing: what kind of request this is, and which model of which tier it goes to."""

import re
from collections.abc import Mapping
from typing import Literal

from clawft.domain.config import PipelineConfig
from clawft.domain.costs import Tier
from clawft.domain.values import Value

Kind = Literal["command", "memory", "files", "summary", "code", "question", "chat"]
"""What a request is about, as coarsely as the learner needs it."""

FAST_BELOW = 0.30
"""A complexity below this goes to the fast model."""

# Tried in this order; the first that matches names the kind.
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("command", re.compile(r"/\w|use the [\w.-]+ tool\b", re.IGNORECASE)),
    ("memory", re.compile(r"(?:remember|recall|forget)\b|what do you (?:know|remember)\b", re.IGNORECASE)),
    ("summary", re.compile(r"summari[sz]e\b|tl;?dr\b|sum up\b", re.IGNORECASE)),
    (
        "files",
        re.compile(
            r"(?:read|show|open|list|write|edit|save|create)\b.{0,60}?(?:\bfiles?\b|\.\w{1,8}\b)", re.I
        ),
    ),
)
_CODE = re.compile(
    r"```|\b(?:def|class|function|import|return|traceback|compile|refactor|debug)\b", re.IGNORECASE
)
_QUESTION = re.compile(
    r"(?:who|what|when|where|why|which|how|is|are|do|does|can|could|should|will)\b", re.IGNORECASE
)


def kind_of(request: str) -> Kind:
    """The kind of a request, from its first words and its shape."""
    text = request.strip()[:4000]
    for kind, pattern in _KINDS:
        if pattern.match(text):
            return kind
    if _CODE.search(text):
        return "code"
    return "question" if text.endswith("?") or _QUESTION.match(text) else "chat"


class Route(Value, frozen=True):
    """Where a request goes. ``model`` is ``provider/model``."""

    model: str
    tier: Tier


def tier_of(complexity: float) -> Tier:
    """2 for what a fast model can do, 3 for the rest. Tier 1 needs no model: complexity never chooses it."""
    return 2 if complexity < FAST_BELOW else 3


_NOTHING: Mapping[str, tuple[int, int]] = {}
Tries = Mapping[str, tuple[int, int]]
"""How models did with one kind of request: tries and successes."""

ENOUGH_TRIES = 10
"""Tries before what was learnt is believed."""
GOOD_SHARE, BAD_SHARE = 0.9, 0.5
EASY_ENOUGH = 0.60
"""Up to this complexity a fast model that did well with the kind is believed to do well again."""


def learned_tier(tier: Tier, pipeline: PipelineConfig, complexity: float, tries: Tries) -> Tier:
    """The tier after what was learnt of the fast model: where it fails at a kind it is passed over, where it
    does well it is given harder requests of it."""
    count, good = tries.get(pipeline.fast_model, (0, 0))
    if not pipeline.strong_model or not pipeline.fast_model or count < ENOUGH_TRIES:
        return tier
    if tier == 2 and good < count * BAD_SHARE:
        return 3
    return 2 if tier == 3 and complexity <= EASY_ENOUGH and good >= count * GOOD_SHARE else tier


def route(
    own: str,
    pipeline: PipelineConfig,
    complexity: float,
    *,
    fixed: bool = False,
    rule: str = "",
    tries: Tries = _NOTHING,
) -> Route:
    """The model that a ``rule`` names; else the tier by complexity and by what was learnt, and its model from
    the config; without one, the agent's ``own``.

    ``fixed``: the session was made for one model, so the tier is recorded but does not choose.
    """
    if fixed or rule:
        return Route(own if fixed else rule, tier_of(complexity))
    tier = learned_tier(tier_of(complexity), pipeline, complexity, tries)
    return Route((pipeline.fast_model if tier == 2 else pipeline.strong_model) or own, tier)
