"""Compaction: a conversation that has grown too long goes on with a summary of its beginning."""

from collections.abc import Sequence

from clawft.domain.context import Said, estimate_tokens, shortened, turn_size
from clawft.domain.models import ModelMessage

SUMMARY_TOKENS = 800
"""What a summary may have."""
GAIN = 0.5
"""A summary is worth keeping when it has at most this part of what it stands for."""
LONGEST_SAID = 4_000
"""Characters of one message that are shown for summing up."""

_ORDER = (
    "Summarise the conversation below for yourself, so that you can go on with it without having it: facts,"
    " names, numbers, decisions, what was done and what is still to be done. Nothing else.\n\n"
)


def parted(turns: Sequence[Sequence[Said]], budget: int) -> tuple[list[Sequence[Said]], list[Sequence[Said]]]:
    """Turns to be summed up, and the latest, which stay as they are: all when they fit, else half a budget.

    Half, so that it is not summed up again with the next message.
    """
    if sum(map(turn_size, turns)) <= budget:
        return [], list(turns)
    kept: list[Sequence[Said]] = []
    left = budget // 2
    for turn in reversed(turns):
        left -= turn_size(turn)
        if left < 0:
            break
        kept.insert(0, turn)
    return list(turns[: len(turns) - len(kept)]), kept


def order(summary: str, old: Sequence[Sequence[Said]], room: int) -> ModelMessage:
    """What a model is asked for a summary, in at most about ``room`` tokens however much there is."""
    parts = [f"Earlier summary: {summary}"] if summary else []
    parts += [_line(said) for turn in old for said in turn]
    most = max(400, (room - estimate_tokens(_ORDER)) * 4 - 200)
    return ModelMessage("user", _ORDER + shortened("\n".join(parts), most))


def _line(said: Said) -> str:
    return f"{said.message.role}: {shortened(said.message.content, LONGEST_SAID)}"


def is_worth_it(before: int, summary: str) -> bool:
    """Whether a summary says something and is much shorter than the ``before`` tokens it stands for."""
    return bool(summary.strip()) and estimate_tokens(summary) <= before * GAIN
