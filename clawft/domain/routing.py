"""Routing: what kind of request this is, and which model of which tier it goes to."""

import re
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


def route(own: str, pipeline: PipelineConfig, complexity: float, *, fixed: bool = False) -> Route:
    """The tier by complexity, and its model from the config; without one, the agent's ``own``.

    ``fixed``: the session was made for one model, so the tier is recorded but does not choose.
    """
    tier = tier_of(complexity)
    chosen = pipeline.fast_model if tier == 2 else pipeline.strong_model
    return Route(own if fixed else chosen or own, tier)
