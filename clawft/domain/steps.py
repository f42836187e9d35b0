"""Steps: what a turn did, one after the other. Together they are its story."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from clawft.domain.costs import Usage
from clawft.domain.tools import Effect
from clawft.domain.values import UNSET, UnsetType, Value

StepKind = Literal["model", "tool", "transform", "compaction", "message"]
"""``transform``: a rule answered, without a model. ``message``: something was said while the turn ran."""
StepStatus = Literal["running", "done", "failed", "cancelled", "interrupted"]

SHOWN = 2_000
"""Characters of arguments and of a result that a story shows; the whole result is read by range."""
MOST_READ = 64_000
"""Characters that one read gives."""


class Step(Value, frozen=True):
    """One thing a turn did. ``number`` counts from 1 in the turn, over all its attempts."""

    number: int
    kind: StepKind
    name: str
    """The model as ``provider/model``, or the tool."""
    status: StepStatus
    started_at: datetime
    ended_at: datetime | UnsetType = UNSET
    call_id: str | UnsetType = UNSET
    effect: Effect | UnsetType = UNSET
    """What the tool may have changed."""
    arguments: str | UnsetType = UNSET
    """JSON: what the tool was called with, or how much the model was shown."""
    result: str | UnsetType = UNSET
    result_size: int | UnsetType = UNSET
    """Characters of the whole result, of which ``result`` may be the head and the tail."""
    reason: str | UnsetType = UNSET
    """A word for how it ended, where it did not end well."""
    error: str | UnsetType = UNSET
    tier: int | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET

    @property
    def has_effects(self) -> bool:
        """Whether it may have changed anything outside the turn."""
        return self.kind == "tool" and self.effect != "read"


class Excerpt(Value, frozen=True):
    """A part of a text that is kept whole."""

    content: str
    offset: int
    size: int
    """Characters of the whole."""
    next_offset: int | UnsetType = UNSET
    """Where to read on; left out at the end."""


Offset = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Length = Annotated[int, Meta(ge=1, le=MOST_READ)]


def excerpt(text: str, offset: int, limit: int) -> Excerpt:
    end = min(len(text), offset + limit)
    return Excerpt(text[offset:end], offset, len(text), end if end < len(text) else UNSET)


def shown(step: Step) -> Step:
    """The step as a story shows it: long texts by their head and tail."""
    return replace(step, arguments=_shortened(step.arguments), result=_shortened(step.result))


def _shortened(text: str | UnsetType) -> str | UnsetType:
    if isinstance(text, UnsetType) or len(text) <= SHOWN:
        return text
    half = SHOWN // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters left out …]\n{text[-half:]}"
